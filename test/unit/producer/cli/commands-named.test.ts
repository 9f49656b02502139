import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../../..');
const NAMED_IN = ['bin', 'producer', 'worker', 'shared', 'deploy'];

/** `restore`, `catalog rebuild`, ...: as bin/bw-bkup.ts gives them to commander. */
function existing(): Set<string> {
  const source = readFileSync(join(ROOT, 'bin/bw-bkup.ts'), 'utf8');
  const tops = [...source.matchAll(/command\(program, '([\w-]+)|program\.command\('([\w-]+)/g)].map((match) => match[1] ?? match[2] ?? '');
  const subs = [...source.matchAll(/command\((catalog|basepath|breaker|dead|copies|tasks), '([\w-]+)|(config)\.command\('([\w-]+)/g)].map((match) => `${match[1] ?? match[3] ?? ''} ${match[2] ?? match[4] ?? ''}`);
  return new Set([...tops, ...subs, 'help']);
}

it('every command that a hint or a document tells people to call exists', () => {
  const files = NAMED_IN.flatMap((room) => readdirSync(join(ROOT, room), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(ts|md|txt|sh|yml|yaml|service)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const commands = existing();
  const groups = new Set(['catalog', 'config', 'basepath', 'breaker', 'dead', 'tasks']);
  const named = [...files, join(ROOT, 'README.md')].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/`bw-bkup ([a-z][\w-]*)(?: ([a-z][\w-]*))?[^`$]*`/g)].map(([, first = '', second = '']) => (groups.has(first) ? `${first} ${second}` : first)),
  );
  expect(named.length).toBeGreaterThan(20);
  expect([...new Set(named)].filter((name) => !commands.has(name))).toEqual([]);
  expect(commands.size).toBeGreaterThan(12);
});
