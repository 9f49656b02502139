import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatRecord } from '../../../../shared/index/format.js';
import { readRecordFile } from '../../../../shared/index/line-file.js';
import { planShards, type PlanOptions, type ShardPlan } from '../../../../shared/index/plan-shards.js';
import { recordPath, type IndexRecord } from '../../../../shared/index/record.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { workspace } from '../../../helpers/workspace.js';
import { collect, inOrder, makeDirectory, makeRecord, makeRoot } from './make-record.js';

interface Planned {
  readonly plan: ShardPlan;
  readonly outDir: string;
  /** Paths of every shard, in the order of the file. */
  readonly paths: readonly (readonly string[])[];
}

async function plan(records: readonly IndexRecord[], limits: Partial<PlanOptions['limits']> = {}, batch = 3): Promise<Planned> {
  const outDir = await workspace();
  const result = await planShards({
    root: bytePath.of('/root'),
    records: inOrder([makeRoot(), ...records], batch),
    limits: { maxFiles: 1000, maxBytes: 1e15, ...limits },
    outDir,
  });
  const paths: string[][] = [];
  for (const shard of result.shards) {
    const found = await collect(readRecordFile(join(outDir, shard.file)));
    expect(found.length).toBe(shard.records);
    expect(found.filter((record) => record.type === 'd').length).toBe(shard.directories);
    paths.push(found.map(recordPath));
  }
  return { plan: result, outDir, paths };
}

const files = (dir: string, count: number, fields: Partial<IndexRecord> = {}): IndexRecord[] =>
  Array.from({ length: count }, (_, i) => makeRecord(`${dir}/${String(i)}`, fields));

it('puts a small tree into one shard, without the root, in index order', async () => {
  const { plan: result, paths, outDir } = await plan([makeDirectory('a'), makeRecord('a/x'), makeRecord('b'), makeRecord('.c')]);
  expect(paths).toEqual([['.c', 'b', 'a', 'a/x']]);
  expect(result.root).toMatchObject({ dirname: '.', name: '.', type: 'd' });
  expect(result.shards).toEqual([{ number: 1, file: 'shard-0001.records', records: 4, directories: 1, bytes: '30', sorted: true, kind: 'plain' }]);
  expect(result.counts).toEqual({ records: 5, directories: 2, files: 3, sourceBytes: '30', hardlinkSets: 0, exceptions: 0 });
  expect(await readdir(outDir)).toEqual(['shard-0001.records']);
});

it('needs the record of the root', async () => {
  const options = { root: bytePath.of('/r'), limits: { maxFiles: 10, maxBytes: 10 }, outDir: await workspace() };
  await expect(planShards({ ...options, records: inOrder([makeRecord('a')]) })).rejects.toMatchObject({ code: 'INDEX_VOID' });
});

it('cuts between directories, also when the limit is reached inside one', async () => {
  const records = ['a', 'b', 'c'].flatMap((dir) => [makeDirectory(dir), ...files(dir, 4)]);
  const { paths } = await plan(records, { maxFiles: 11 });
  expect(paths).toEqual([
    ['a', 'a/0', 'a/1', 'a/2', 'a/3', 'b', 'b/0', 'b/1', 'b/2', 'b/3'],
    ['c', 'c/0', 'c/1', 'c/2', 'c/3'],
  ]);
});

it('cuts inside a directory only if it alone exceeds a limit', async () => {
  const { paths } = await plan([makeDirectory('a'), makeRecord('a/x'), makeDirectory('giant'), ...files('giant', 8), makeDirectory('z'), makeRecord('z/x')], { maxFiles: 4 });
  expect(paths.map((shard) => shard.length)).toEqual([2, 4, 4, 3]);
  expect(paths[0]).toEqual(['a', 'a/x']);
  expect(paths.slice(1).flat()).toEqual(['giant', ...files('giant', 8).map(recordPath), 'z', 'z/x']);
});

it('cuts by bytes, hard links weighing once', async () => {
  const { plan: result, paths } = await plan([...files('.', 0), makeRecord('a', { size: '60' }), makeRecord('b', { size: '50' }), makeRecord('c', { size: '50' })], { maxBytes: 100 });
  expect(paths).toEqual([['a'], ['b', 'c']]);
  expect(result.shards.map((shard) => shard.bytes)).toEqual(['60', '100']);
});

it('gives a file larger than a shard one of its own', async () => {
  const records = [makeRecord('a'), makeRecord('b', { size: '1000' }), makeRecord('c'), makeDirectory('d', { size: '5000' })];
  const { plan: result, paths } = await plan(records, { maxBytes: 100 });
  expect(paths).toEqual([['a', 'c', 'd'], ['b']]);
  expect(result.shards.map((shard) => shard.bytes)).toEqual(['20', '1000']);
});

it('counts sizes exactly beyond 2^53', async () => {
  const { plan: result } = await plan([makeRecord('a', { size: '9223372036854775807' }), makeRecord('b', { size: '9007199254740993' }), makeRecord('c')]);
  expect(result.counts.sourceBytes).toBe((9223372036854775807n + 9007199254740993n + 10n).toString());
});

it('keeps all names of an inode in the shard of the first, sorted', async () => {
  const link = { nlink: 3, inode: '1:77', size: '40' };
  const records = [
    makeDirectory('a'), makeRecord('a/m', link), makeRecord('a/x'), makeRecord('a/z'),
    makeDirectory('b'), makeRecord('b/1', link), makeRecord('b/2'), makeRecord('b/3'),
    makeDirectory('c'), makeRecord('c/0', link),
  ];
  const { plan: result, paths } = await plan(records, { maxFiles: 6 });
  expect(paths).toEqual([['a', 'a/m', 'a/x', 'a/z', 'b/1', 'c/0'], ['b', 'b/2', 'b/3', 'c']]);
  expect(result.shards.map(({ bytes, sorted }) => [bytes, sorted])).toEqual([['60', true], ['20', true]]);
  expect(result.counts).toMatchObject({ sourceBytes: '80', hardlinkSets: 1, files: 7 });
  // No room there: a shard for such sets, behind the others.
  expect((await plan(records, { maxFiles: 4 })).paths).toEqual([['a', 'a/x', 'a/z'], ['b', 'b/2', 'b/3'], ['c'], ['a/m', 'b/1', 'c/0']]);
});

it('drops a shard whose names all belong to others', async () => {
  const pairs = [0, 1].map((i) => ({ nlink: 2, inode: `1:${i}`, size: '1' }));
  const records = [makeRecord('0', pairs[0]), makeRecord('y/0', pairs[0]), makeRecord('z/0', pairs[1]), makeRecord('z/1', pairs[1])];
  const { paths } = await plan(records, { maxFiles: 2 });
  expect(paths).toEqual([['0', 'y/0'], ['z/0', 'z/1']]);
});

it('keeps to the limits though sets lie across all borders: snapshots of a tree, each file linked into all', async () => {
  const records = Array.from({ length: 5 }, (_, day) => [
    makeDirectory(`day${day}`),
    ...Array.from({ length: 40 }, (_file, i) => makeRecord(`day${day}/${String(i).padStart(2, '0')}`, { nlink: 5, inode: `1:${900 - i}`, size: '10' })),
  ]).flat();
  const { plan: result, paths } = await plan(records, { maxFiles: 20 });
  expect(Math.max(...result.shards.map((shard) => shard.records))).toBe(20);
  expect(paths.flat().sort()).toEqual(records.map(recordPath).sort());
  for (const shard of paths) {
    const names = new Map<string, number>();
    for (const path of shard.filter((each) => each.includes('/'))) names.set(path.slice(5), (names.get(path.slice(5)) ?? 0) + 1);
    expect([...names.values()].every((count) => count === 5)).toBe(true); // whole sets
  }
  // Sets are taken in the order of their first names, not of their inodes.
  expect([...new Set(paths.at(-1)?.map((path) => path.slice(5)))]).toEqual(['35', '36', '37', '38']);
  expect(result.counts).toMatchObject({ hardlinkSets: 40, sourceBytes: '400' });
});

it('gives a set above a limit a shard of its own, whatever else there is', async () => {
  const many = Array.from({ length: 9 }, (_, i) => makeRecord(`${'abc'[i % 3] as string}/many${i}`, { nlink: 9, inode: '1:5', size: '1' }));
  const large = ['a/large', 'c/large'].map((path) => makeRecord(path, { nlink: 2, inode: '1:6', size: '9000' }));
  const records = [...many, ...large, ...['a', 'b', 'c'].flatMap((dir) => [makeDirectory(dir), ...files(dir, 2)])];
  const { paths } = await plan(records, { maxFiles: 6, maxBytes: 1000 });
  expect(paths.map((shard) => shard.length)).toEqual([3, 3, 3, 2, 9]);
  expect(paths.slice(3).map((shard) => new Set(shard.map((path) => path.replace(/^.*\/|\d+$/g, ''))))).toEqual([new Set(['large']), new Set(['many'])]);
});

it('makes no file for each name of a large linked file', async () => {
  const large = { nlink: 2000, inode: '1:5', size: '5000' };
  const { paths } = await plan(Array.from({ length: 2000 }, (_, i) => makeRecord(String(i), large)), { maxBytes: 100, maxFiles: 5000 });
  expect(paths.map((shard) => shard.length)).toEqual([2000]);
});

it('does not hold back directories, nor count an inode with one name here as a set', async () => {
  const { plan: result, paths } = await plan([makeDirectory('d', { nlink: 20 }), makeRecord('x', { nlink: 2 })]);
  expect(paths).toEqual([['x', 'd']]);
  expect(result.counts.hardlinkSets).toBe(0);
});

it('takes a hard-linked file that is too large for a shard to one of its own, all names', async () => {
  const large = { nlink: 2, inode: '1:5', size: '500' };
  const { paths, plan: result } = await plan([makeRecord('a'), makeRecord('b', large), makeRecord('c', large), makeRecord('d')], { maxBytes: 100 });
  expect(paths).toEqual([['a', 'd'], ['b', 'c']]);
  expect(result.shards[1]?.bytes).toBe('500');
});

it('collects what dar must be given by -g, whole subtrees, in shards of their own', async () => {
  const records = [
    makeRecord('a'), makeDirectory('n\nl'), makeRecord('n\nl/x'), makeDirectory('n\nl/y'), makeRecord('n\nl/y/z\n'), makeRecord('cr\r'), makeRecord('c\rr'),
  ];
  const { plan: result, paths } = await plan(records);
  expect(result.shards.map(({ kind, sorted }) => [kind, sorted])).toEqual([['plain', true], ['awkward', false]]);
  expect(paths[0]).toEqual(['a', 'c\rr']);
  expect([...(paths[1] ?? [])].sort()).toEqual(['cr\r', 'n\nl', 'n\nl/x', 'n\nl/y', 'n\nl/y/z\n']);
});

it('cuts shards of awkward names between units only', async () => {
  const records = ['a\n', 'b\n'].flatMap((dir) => [makeDirectory(dir), ...files(dir, 5)]);
  const { paths } = await plan(records, { maxFiles: 3 });
  expect(paths.map((shard) => new Set(shard.map((path) => path.split('/')[0])))).toEqual([new Set(['a\n']), new Set(['b\n'])]);
});

it('puts at most 500 awkward names into a shard', async () => {
  const { paths } = await plan(Array.from({ length: 1001 }, (_, i) => makeRecord(`${String(i).padStart(4, '0')}\n`)), { maxFiles: 10_000 });
  expect(paths.map((shard) => shard.length)).toEqual([500, 500, 1]);
});

it('takes the partners of awkward names along, and linked awkward names together', async () => {
  const partner = { nlink: 2, inode: '1:1', size: '7' };
  const linked = { nlink: 2, inode: '1:2', size: '9' };
  const many = Array.from({ length: 600 }, (_, i) => makeRecord(`m${String(i).padStart(4, '0')}\n`));
  const records = [makeRecord('a'), makeRecord('b', partner), makeRecord('zz\n', partner), makeRecord('0\n', linked), makeRecord('y/1\n', linked), ...many];
  const { plan: result, paths } = await plan(records, { maxFiles: 10_000 });
  const shardOf = (path: string): number => paths.findIndex((shard) => shard.includes(path));
  expect(paths[0]).toEqual(['a']);
  expect(shardOf('b')).toBe(shardOf('zz\n'));
  expect(shardOf('0\n')).toBe(shardOf('y/1\n'));
  expect(paths.flat().length).toBe(records.length);
  expect(result.counts).toMatchObject({ hardlinkSets: 2, sourceBytes: String(10 + 7 + 9 + 6000) });
});

it('names what is too long for any program to open, to the byte', async () => {
  const deep = ['x'.repeat(255)].concat(Array.from({ length: 15 }, () => 'd'.repeat(254))).join('/');
  const fits = `${deep}/${'f'.repeat(4095 - '/root/'.length - deep.length - 1)}`;
  const records = [makeRecord(fits), makeRecord(`${fits}f`)];
  const { plan: result, paths, outDir } = await plan(records);
  expect(paths).toEqual([[fits]]);
  expect(result.counts).toMatchObject({ exceptions: 1, records: 2 });
  const lines = (await readFile(join(outDir, result.exceptionsFile ?? ''), 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([{ path: `${fits}f`, reason: 'path longer than PATH_MAX', detail: expect.any(String) as string }]);
});

it('writes the exceptions of the scan, names in any bytes', async () => {
  const outDir = await workspace();
  const known = [{ path: bytePath.of('a\xff\n'), reason: 'directory could not be listed' as const, detail: 'Permission denied' }];
  const result = await planShards({ root: bytePath.of('/r'), records: inOrder([makeRoot()]), limits: { maxFiles: 1, maxBytes: 1 }, outDir, known });
  expect(result.shards).toEqual([]);
  expect(await readFile(join(outDir, result.exceptionsFile ?? ''), 'utf8')).toBe(
    '{"path":{"b64":"Yf8K"},"reason":"directory could not be listed","detail":"Permission denied"}\n',
  );
});

it('takes a name that the listing yields twice once', async () => {
  const { paths } = await plan([makeRecord('a'), makeRecord('a'), makeRecord('b')]);
  expect(paths).toEqual([['a', 'b']]);
});

/** A tree with everything at once; the same for the same seed. */
function randomTree(seed: number): IndexRecord[] {
  let state = seed;
  const next = (below: number): number => (state = (state * 48271) % 2147483647) % below;
  const directories = [''];
  const records = new Map<string, IndexRecord>();
  for (let i = 0; i < 300; i += 1) {
    const parent = directories[next(directories.length)] as string;
    const path = `${parent}${['a', '.b', '-c', 'd\n', 'e\r', 'f\xff', '+'][next(7)] as string}${next(40)}`;
    if (records.has(path)) continue;
    const kind = next(5);
    const inode = next(30);
    if (kind === 0) directories.push(`${path}/`);
    if (kind === 0) records.set(path, makeDirectory(path));
    else if (kind === 1) records.set(path, makeRecord(path, { nlink: 2, inode: `1:${inode}`, size: String(inode) }));
    else records.set(path, makeRecord(path, { size: String(next(60)) }));
  }
  return [...records.values()];
}

it.each([1, 2, 3, 4, 5, 6])('keeps every rule for any tree (seed %i)', async (seed) => {
  const records = randomTree(seed);
  const limits = { maxFiles: 5 + seed * 2, maxBytes: 40 + seed * 20 };
  const { plan: result, paths, outDir } = await plan(records, limits, seed);
  expect([...paths.flat()].sort()).toEqual(records.map(recordPath).sort());
  const shardOf = new Map(paths.flatMap((shard, i) => shard.map((path) => [path, i] as const)));
  const inodes = new Map<string, number | undefined>();
  for (const record of records.filter((candidate) => candidate.type !== 'd' && candidate.nlink > 1)) {
    const shard = shardOf.get(recordPath(record));
    expect(inodes.get(record.inode) ?? shard).toBe(shard);
    inodes.set(record.inode, shard);
  }
  for (const [i, shard] of result.shards.entries()) {
    if (shard.sorted) expect(paths[i]).toEqual((await collect(inOrder(records))).map(recordPath).filter((path) => shardOf.get(path) === i));
    if (shard.kind === 'plain') expect((paths[i] as string[]).some((path) => /\n|\r(\/|$)/.test(path))).toBe(false);
    // Limits are exceeded by one hard-link set only, or one file.
    const held = records.filter((record) => shardOf.get(recordPath(record)) === i);
    const isOne = new Set(held.map((record) => record.inode)).size === 1;
    if (shard.kind === 'plain' && !isOne) expect(shard.records).toBeLessThanOrEqual(limits.maxFiles);
    if (shard.kind === 'plain' && !isOne) expect(Number(shard.bytes)).toBeLessThanOrEqual(limits.maxBytes);
  }
  const again = await plan(records, limits, 50);
  expect(again.plan).toEqual(result);
  for (const { file } of result.shards) expect(await readFile(join(again.outDir, file))).toEqual(await readFile(join(outDir, file)));
  expect(again.paths).toEqual(paths);
});

it('moves a directory that has grown beyond the write buffer into the next shard', async () => {
  const records = [makeDirectory('a'), ...files('a', 3000), makeDirectory('b'), ...files('b', 5000)];
  const { plan: result, paths } = await plan(records, { maxFiles: 6000 });
  expect(paths.map((shard) => shard.length)).toEqual([3001, 5001]);
  expect(new Set(paths[1]?.map((path) => path.split('/')[0]))).toEqual(new Set(['b']));
  expect(result.shards.every((shard) => shard.sorted)).toBe(true);
  expect(formatRecord(result.root)).toContain('.//./d');
});
