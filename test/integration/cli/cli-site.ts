import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { workspace } from '../../helpers/workspace.js';

/** Directories and a configuration of a site, for commands run as processes. */
export interface CliSite {
  readonly dir: string;
  readonly configFile: string;
  /** A path in the site's directory. */
  at(name: string): string;
  /** Writes files (path below the topdir -> content), making their directories. */
  write(files: Readonly<Record<string, string | Buffer>>): Promise<void>;
  /** Another configuration file of the same site. */
  configure(name: string, settings: Readonly<Record<string, unknown>>): Promise<string>;
}

export async function cliSite(settings: Readonly<Record<string, unknown>> = {}): Promise<CliSite> {
  const dir = await workspace();
  const at = (name: string): string => join(dir, name);
  for (const name of ['top', 'staging', 'catalog', 'lts', 'state', 'restore']) await mkdir(at(name), { mode: 0o700 });
  const configure = async (name: string, changed: Readonly<Record<string, unknown>>): Promise<string> => {
    await writeFile(at(name), stringify({ ...defaults(at), ...settings, ...changed }));
    return at(name);
  };
  const write: CliSite['write'] = async (files) => {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(at('top'), path, '..'), { recursive: true });
      await writeFile(join(at('top'), path), content);
    }
  };
  return { dir, at, write, configure, configFile: await configure('bw-bkup.yaml', {}) };
}

function defaults(at: (name: string) => string): Record<string, unknown> {
  return {
    host: 'here',
    topdirs: [{ path: at('top') }],
    staging: { dir: at('staging'), budget: '2GiB' },
    catalog: { dir: at('catalog') },
    state: { dir: at('state') },
    lts: [{ name: 'lts', backend: 'posix', dir: at('lts') }],
    dar: { sliceSize: '64MiB' },
    restore: { allowedTargets: [at('restore'), at('top')] },
    http: { producerPort: 'none', workerPort: 'none' },
  };
}

/** LTS so slow that a backup of a file of 1 MiB is surely still running when a test has looked at it. */
export function slowLts(at: (name: string) => string): Record<string, unknown> {
  return { lts: [{ name: 'lts', backend: 'posix', dir: at('lts'), bandwidth: '20kB/s' }] };
}
