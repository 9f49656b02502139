import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FindSlots } from '../../../shared/index/find-slots.js';
import { scan, type ParallelScan, type Scan } from '../../../shared/index/scan.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { needsRoot } from '../../helpers/needs.js';
import { workspace } from '../../helpers/workspace.js';
import { collect } from '../../unit/shared/index/make-record.js';
import { bindMount, mountTmpfs } from '../bad-input/mounts.js';

type Listed = Omit<Scan, 'lines' | 'records'> & { readonly lines: readonly string[] };

async function list(root: string, exclude: readonly string[], parallel?: Partial<ParallelScan>): Promise<Listed> {
  const tempDir = await workspace();
  const several = parallel === undefined ? {} : { parallel: { slots: new FindSlots(), filesystem: 'fs', concurrency: 3, splitAfterMs: 0, ...parallel } };
  const { lines, paths, vanished, exceptions, unlisted } = await scan({ root: bytePath.fromText(root), exclude, tempDir, ...several });
  const all = await collect(lines);
  expect(readdirSync(tempDir)).toEqual([]);
  return { lines: all, paths, vanished, exceptions, unlisted };
}

/** One find and several, whose results must be the same. */
async function expectSame(root: string, exclude: readonly string[] = []): Promise<Listed> {
  const [one, several] = [await list(root, exclude), await list(root, exclude, {})];
  expect(several).toEqual(one);
  return one;
}

/** The same tree for the same seed: names in any bytes, deep and flat, links, holes in the order of the alphabet. */
async function randomTree(seed: number): Promise<string> {
  const root = join(await workspace(), 'tree');
  let state = seed;
  const next = (below: number): number => (state = (state * 48271) % 2147483647) % below;
  const directories = [Buffer.from(root)];
  mkdirSync(root);
  for (let i = 0; i < 150; i += 1) {
    const parent = directories[next(directories.length)] as Buffer;
    const name = Buffer.from(`${['a', '.b', '-c', 'd\n', 'e\r', 'f\xff', '+', ' ', "'\\"][next(9)] as string}${i}`, 'latin1');
    const path = Buffer.concat([parent, Buffer.from('/'), name]);
    if (next(5) === 0) directories.push(path);
    if (directories.at(-1) === path) mkdirSync(path);
    else if (next(9) === 0) symlinkSync('/etc', path);
    else writeFileSync(path, 'x'.repeat(next(100)));
    if (i % 50 === 7) linkSync(join(root, 'linked'), path.toString('latin1').includes('\xff') ? join(root, `l${i}`) : `${path.toString()}+`);
    if (i === 0) writeFileSync(join(root, 'linked'), '1');
  }
  return root;
}

it.each([1, 2])('gives the same as one find for any tree (seed %i)', async (seed) => {
  const root = await randomTree(seed);
  expect((await expectSame(root)).paths).toBeGreaterThan(150);
  const excluded = await expectSame(root, ['.b*', `/a${seed}`, '-c*/d*']);
  expect(excluded.paths).toBeLessThan((await list(root, [], { concurrency: 1 })).paths);
});

it('lists a flat directory, a chain, and an empty one', async () => {
  const root = join(await workspace(), 'tree');
  mkdirSync(join(root, Array.from({ length: 12 }, () => 'd').join('/')), { recursive: true });
  expect((await expectSame(root)).paths).toBe(13);
  const flat = await workspace();
  for (let i = 0; i < 300; i += 1) writeFileSync(join(flat, String(i)), '');
  expect((await expectSame(flat)).paths).toBe(301);
  await expect(list(await workspace(), [], {})).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
  await expect(list(join(flat, 'missing'), [], {})).rejects.toMatchObject({ code: 'INDEX_VOID' });
});

it('goes where no path leads any more', async () => {
  const root = join(await workspace(), 'tree');
  mkdirSync(root);
  onTestFinished(() => { execFileSync('rm', ['-rf', '--', root]); }); // Node's rm goes by path
  // Each mkdir relative to the one above: the whole is 5,000 bytes long.
  execFileSync('sh', ['-c', 'cd "$1"; n=$(printf "%0250d" 0); i=0; while [ $i -lt 20 ]; do mkdir $n; cd -P ./$n; touch f; i=$((i+1)); done', 'sh', root]);
  expect((await expectSame(root)).paths).toBe(41);
});

it('does not cross mounts, and tells a loop of them', async (context) => {
  needsRoot(context);
  const root = join(await workspace(), 'tree');
  mkdirSync(join(root, 'a/b/c'), { recursive: true });
  mkdirSync(join(root, 'z'));
  await mountTmpfs(join(root, 'a/other'), '1m');
  writeFileSync(join(root, 'a/other/not ours'), '');
  await bindMount(root, join(root, 'a/b/loop'));
  const found = await expectSame(root);
  expect(found.exceptions).toEqual([{ path: 'a/b/loop', reason: 'directory could not be listed', detail: 'file system loop' }]);
  expect(found.lines.some((line) => line.includes('not ours'))).toBe(false);
  expect(found.paths).toBe(6);
});

it('flags what could not be listed and names it, as one find does', async (context) => {
  needsRoot(context);
  const root = join(await workspace(), 'tree');
  for (const name of ['open/below', 'secret/below', 'names-only/below', 'se\ncret']) mkdirSync(join(root, name), { recursive: true });
  chmodSync(join(root, 'secret'), 0o700);
  chmodSync(join(root, 'se\ncret'), 0o700);
  chmodSync(join(root, 'names-only'), 0o644);
  chmodSync(dirname(root), 0o755);
  await fakeProgram('find', 'PATH=/usr/bin:/bin; exec setpriv --reuid=65534 --clear-groups find "$@"');
  await fakeProgram('xargs', 'exec /usr/bin/xargs "$@"');
  chmodSync(root, 0o755);
  const found = await expectSame(root);
  expect(found.exceptions.map(({ path }) => path)).toEqual(['names-only/below', 'se\ncret', 'secret']);
  expect([...found.unlisted].sort()).toEqual(['names-only', 'se\ncret', 'secret']);
});

it('follows a directory that was replaced, but not out of the tree', async () => {
  const root = join(await workspace(), 'tree');
  const away = join(await workspace(), 'away');
  mkdirSync(join(root, 'a/b'), { recursive: true });
  mkdirSync(join(root, 'c'));
  mkdirSync(join(away, 'b'), { recursive: true });
  writeFileSync(join(away, 'b/theirs'), '');
  writeFileSync(join(root, 'a/b/ours'), '');
  // Before the second level is listed: `a` becomes a link out of the tree, `c` another directory.
  const steps = `case "$*" in *"./a/b "*) [ -e ${away}/done ] || { touch ${away}/done; mv ${root}/a ${away}/old; ln -s ${away} ${root}/a; } ;; esac`;
  const first = `case "$*" in *"./c "*) [ -e ${away}/first ] || { touch ${away}/first; mv ${root}/c ${away}/c; mkdir ${root}/c; touch ${root}/c/new; } ;; esac`;
  await fakeProgram('find', `${steps}\n${first}\nexec /usr/bin/find "$@"`);
  const found = await list(root, [], { concurrency: 1 });
  expect(existsSync(join(away, 'first')) && existsSync(join(away, 'done'))).toBe(true);
  expect(found.lines.map((line) => line.slice(0, line.indexOf('/', line.indexOf('//') + 2)))).toEqual(['.//.', './a//.', './c//.', './c//new']);
  expect(found.vanished).toBe(1);
  renameSync(join(away, 'c'), join(away, 'd'));
});

it('begins with one find, and goes on with several where that takes long', async () => {
  const root = await randomTree(5);
  const log = join(await workspace(), 'log');
  await fakeProgram('find', `echo "$1" >> ${log}; exec /usr/bin/find "$@"`);
  await list(root, [], { splitAfterMs: 60_000 });
  expect(readFileSync(log, 'utf8')).toBe('.\n');
  const slow = join(await workspace(), 'slow');
  await fakeProgram('find', `[ -e ${slow} ] || { touch ${slow}; exec sleep 1000; }; exec /usr/bin/find "$@"`);
  expect(await list(root, [], { splitAfterMs: 50 })).toEqual(await list(root, []));
});

it('is void when one of several finds fails, and leaves none behind', async () => {
  const root: BytePath = bytePath.fromText(await randomTree(6));
  const dir = await workspace();
  await fakeProgram('find', `case "$1" in .) exec /usr/bin/find "$@" ;; esac; [ -e ${dir}/a ] || { touch ${dir}/a; exit 2; }; trap 'touch ${dir}/ended; exit 1' TERM; while :; do sleep 0.05; done`);
  const slots = new FindSlots();
  const found = scan({ root, exclude: [], tempDir: dir, parallel: { slots, filesystem: 'fs', concurrency: 3, splitAfterMs: 0 } });
  await expect(found).rejects.toMatchObject({ code: 'INDEX_VOID', retry: 'retry' });
  expect(readdirSync(dir).filter((name) => name.startsWith('find'))).toEqual([]);
  expect(slots.active('fs')).toBe(0);
});

it('ends all finds when it is stopped', async () => {
  const root: BytePath = bytePath.fromText(await randomTree(7));
  const dir = await workspace();
  const marks = await workspace();
  const stop = new AbortController();
  await fakeProgram('find', `case "$1" in .) exec /usr/bin/find "$@" ;; esac; trap 'touch ${marks}/ended.$$; exit 1' TERM; touch ${marks}/$$; printf '\\0'; while :; do sleep 0.05; done`);
  const onProgress = (): void => { if (readdirSync(marks).length === 2) stop.abort(); };
  const parallel = { slots: new FindSlots(), filesystem: 'fs', concurrency: 2, splitAfterMs: 0 };
  await expect(scan({ root, exclude: [], tempDir: dir, signal: stop.signal, onProgress, parallel })).rejects.toMatchObject({ code: 'INDEX_VOID' });
  // xargs ends at once, the scripts a moment later.
  await expect.poll(() => readdirSync(marks).filter((name) => name.startsWith('ended')).length).toBe(2);
  expect(readdirSync(dir)).toEqual([]);
});
