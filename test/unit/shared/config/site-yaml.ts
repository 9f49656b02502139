import { parseSettings, type Parsed, type ParseInput } from '../../../../shared/config/parse-settings.js';

/** A complete small site, to add lines to. */
export const SITE = `topdirs:
  - path: /u/staff
staging: {dir: /local/staging, budget: 500GiB}
catalog: {dir: /shared/catalog}
lts:
  - name: tape
    dir: /nearline/backups
`;

export function parse(text: string, more: Partial<ParseInput> = {}): Parsed {
  return parseSettings({ text, file: 'site.yaml', env: {}, flags: {}, hostname: 'ie01', ...more });
}

/** Problems as `FILE KEY PROBLEM`. */
export function told(parsed: Pick<Parsed, 'problems'>): string[] {
  return parsed.problems.map(({ file, key, problem }) => `${file} ${key} ${problem}`);
}
