import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DarConfig } from '../../../shared/config/config.js';
import { listCatalogue, startCreate, type CatalogueEntry, type CreateOutcome, type CreateSpec, type DarCreate } from '../../../shared/dar/index.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { workspace } from '../../helpers/workspace.js';

export const PLAIN: DarConfig = { sliceBytes: 5_000_000, compression: 'none', catalogueCompression: 'zstd:1', encryption: null, excludeXattrs: [], storeOnly: [], retryOnChange: 2, inactivityTimeoutMs: 1_800_000 };

export interface Fixture {
  readonly dir: string;
  /** Source tree. */
  readonly root: string;
  readonly base: string;
  readonly secretsDir: string;
  readonly logFile: string;
}

/** An empty source tree and places for an archive of it. */
export async function fixture(): Promise<Fixture> {
  const dir = await workspace();
  for (const name of ['tree', 'staging', 'secrets', 'out']) await mkdir(join(dir, name), { mode: 0o700 });
  return { dir, root: join(dir, 'tree'), base: join(dir, 'staging', 'a'), secretsDir: join(dir, 'secrets'), logFile: join(dir, 'dar.log') };
}

/** Runs a shell script in the source tree (test fixtures only). */
export async function shell(dir: string, script: string): Promise<string> {
  return (await run({ program: 'sh', args: ['-ec', script], cwd: dir })).stdout.toString('latin1');
}

/** A list of everything in the tree that a list can carry; the rest is returned. */
async function writeList(fx: Fixture): Promise<BytePath[]> {
  const found = await shell(fx.root, 'find . -mindepth 1 -print0');
  const paths = found.split('\0').filter((path) => path !== '').map((path) => bytePath.of(path.slice(2)));
  const odd = paths.filter((path) => /\n|\r$/.test(path));
  const listed = paths.filter((path) => !odd.includes(path));
  await writeFile(join(fx.dir, 'list'), Buffer.from(listed.map((path) => `${path}\n`).join(''), 'latin1'));
  return odd;
}

/** Starts a `dar -c` of the whole tree. */
export async function create(fx: Fixture, dar: DarConfig = PLAIN, more: Partial<CreateSpec> = {}): Promise<DarCreate> {
  const includePaths = await writeList(fx);
  return startCreate({
    base: fx.base,
    root: bytePath.fromText(fx.root),
    listFile: join(fx.dir, 'list'),
    includePaths,
    catalogueBase: null,
    dar,
    logFile: fx.logFile,
    secretsDir: fx.secretsDir,
    ...more,
  });
}

export async function createDone(fx: Fixture, dar: DarConfig = PLAIN, more: Partial<CreateSpec> = {}): Promise<CreateOutcome> {
  return (await create(fx, dar, more)).done;
}

export async function listAll(fx: Fixture, base: string, dar: DarConfig = PLAIN): Promise<Map<string, CatalogueEntry>> {
  const entries = new Map<string, CatalogueEntry>();
  for await (const batch of listCatalogue(base, dar, { secretsDir: fx.secretsDir })) for (const entry of batch) entries.set(entry.path, entry);
  return entries;
}

/** Owner, mode, type, times, sizes, ACLs and extended attributes of a tree, in byte order. */
export async function describeTree(root: string): Promise<string[]> {
  const find = await shell(root, `find . -mindepth 1 -printf '%p %y %m %U %G %T@ %s %l\\0'`);
  const acls = await shell(root, `find . -mindepth 1 -type f,d -print0 | sort -z > ../names; xargs -0 -r getfacl -np < ../names; xargs -0 -r getfattr -d < ../names`);
  const directories = (line: string): string => line.replace(/^(\S+ d .* )\d+ $/s, '$1'); // a directory's size is the filesystem's affair
  return [...find.split('\0').map(directories).sort(), acls];
}
