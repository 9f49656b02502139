import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findInIndex, listIndex, readIndex } from '../../../shared/index/find-in-index.js';
import { endLine, formatRecord } from '../../../shared/index/format.js';
import { mergeSettled, type MergedIndex } from '../../../shared/index/merge.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { workspace } from '../../helpers/workspace.js';
import { collect, inOrder, makeDirectory, makeRecord, makeRoot } from '../../unit/shared/index/make-record.js';
import { exceptionsOf, shardRun } from './shard-run.js';

const ROOT = makeRoot();
const paths = async (batches: AsyncIterable<IndexRecord[]>): Promise<string[]> => (await collect(batches)).map(recordPath);

async function settledFile(file: string, records: readonly IndexRecord[]): Promise<string> {
  const sorted = await collect(inOrder(records));
  await writeFile(file, [...sorted.map(formatRecord), endLine(sorted.length), ''].join('\0'), 'latin1');
  return file;
}

/** Two shards whose records lie between each other, `count` in each. */
async function merged(count: number): Promise<{ index: MergedIndex; file: string; dir: string; records: IndexRecord[] }> {
  const dir = await workspace();
  const shards = ['a', 'b'].map((name) => Array.from({ length: count }, (_, i) => makeRecord(`d/${String(i).padStart(6, '0')}${name}`, { archive: '1.1' })));
  shards[0]?.push(makeDirectory('d', { archive: '1.1' }), makeRecord('.hidden\xff'));
  const settledFiles = await Promise.all(shards.map((shard, i) => settledFile(join(dir, String(i)), shard)));
  const file = join(dir, 'index.zst');
  const index = await mergeSettled({ settledFiles: [...settledFiles, await settledFile(join(dir, 'empty'), [])], rootRecord: Buffer.from(formatRecord(ROOT)), out: file });
  return { index, file, dir, records: await collect(inOrder([ROOT, ...shards.flat()])) };
}

it.each([['in memory', 50], ['by sort', 20_000]])('merges shards %s into one complete, compressed index', async (_, count) => {
  const { index, file, dir, records } = await merged(count);
  const content = await readFile(file);
  expect(index).toEqual({ records: records.length, bytes: content.length, sha512: createHash('sha512').update(content).digest('hex') });
  expect(await paths(readIndex(file))).toEqual(records.map(recordPath));
  expect((await readdir(dir)).sort()).toEqual(['0', '1', 'empty', 'index.zst']);
});

it.each([['in memory', 50], ['by sort', 20_000]])('refuses a shard without its end record (%s)', async (_, count) => {
  const { dir } = await merged(count);
  const file = join(dir, '0');
  await writeFile(file, (await readFile(file, 'latin1')).replace(/\/\/END \d+\0$/, ''), 'latin1');
  const options = { settledFiles: [file, join(dir, '1')], rootRecord: Buffer.from(formatRecord(ROOT)), out: join(dir, 'new') };
  await expect(mergeSettled(options)).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
});

it('says that the index could not be written', async () => {
  const { dir } = await merged(3);
  const options = { settledFiles: [join(dir, '0')], rootRecord: Buffer.from(formatRecord(ROOT)), out: join(dir, 'missing/new') };
  await expect(mergeSettled(options)).rejects.toThrow();
});

it('notices a damaged index, wherever it was cut', async () => {
  const { file, index } = await merged(2000);
  for (const bytes of [index.bytes - 1, Math.floor(index.bytes / 2), 3]) {
    await truncate(file, bytes);
    await expect(collect(readIndex(file))).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
  }
  await expect(collect(readIndex(`${file}.missing`))).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
});

it('finds paths and what is below them, and nothing that only begins alike', async () => {
  const dir = await workspace();
  const records = [makeDirectory('a'), makeRecord('a/x'), makeDirectory('a/b'), makeRecord('a/b/y.txt'), makeRecord('ab'), makeRecord('a.txt'), makeRecord('a-/z')];
  const out = join(dir, 'index.zst');
  await mergeSettled({ settledFiles: [await settledFile(join(dir, 's'), records)], rootRecord: Buffer.from(formatRecord(ROOT)), out });
  const find = (...wanted: string[]): Promise<string[]> => paths(findInIndex(out, wanted.map(bytePath.of)));
  expect(await find('a')).toEqual(['a', 'a/x', 'a/b', 'a/b/y.txt']);
  expect(await find('a/b', 'ab')).toEqual(['ab', 'a/b', 'a/b/y.txt']);
  expect(await find('nothing')).toEqual([]);
  expect(await find('.')).toEqual(['.', 'a.txt', 'ab', 'a-/z', 'a', 'a/x', 'a/b', 'a/b/y.txt']);
  expect(await paths(listIndex(out, '*.txt'))).toEqual(['a.txt', 'a/b/y.txt']);
  expect(await paths(listIndex(out, 'a/*'))).toEqual(['a/x', 'a/b']);
  expect((await paths(listIndex(out, null))).length).toBe(8);
});

it('may be left early, and leaves no zstd behind', async () => {
  const { file } = await merged(20_000);
  for await (const batch of readIndex(file)) {
    expect(batch.length).toBeGreaterThan(0);
    break;
  }
});

/** Makes directories of 200-byte names until the path has about `bytes` bytes: in a child, since no single call can make it, or remove it. */
async function makeDeep(tree: string, bytes: number): Promise<void> {
  onTestFinished(async () => { await run({ program: 'rm', args: ['-rf', '--', tree] }); });
  const script = 'cd -- "$1"; n=$(printf %0200d 0); i=0; while [ "$i" -lt "$2" ]; do mkdir "$n"; : > f; cd -- "./$n"; i=$((i + 1)); done';
  await run({ program: 'bash', args: ['-c', script, 'bash', tree, String(Math.ceil(bytes / 201))] });
}

it('holds exactly the tree, whatever it is made of, in however many shards', async () => {
  const shard = await shardRun();
  let state = 4711;
  const next = (below: number): number => (state = (state * 48271) % 2147483647) % below;
  const directories = [shard.tree];
  const files: string[] = [];
  for (let i = 0; i < 250; i += 1) {
    const path = `${directories[next(directories.length)] ?? ''}/${['.a', 'b', '-c', 'd\n', 'e\r', '+', ' '][next(7)] ?? ''}${i}`;
    const kind = next(6);
    if (kind === 0) directories.push(path);
    if (kind === 0) mkdirSync(path);
    else if (kind === 1 && files.length > 0) linkSync(files[next(files.length)] ?? '', path);
    else if (kind === 2) symlinkSync('../x', path);
    else writeFileSync(path, 'x'.repeat(next(100)));
    if (kind > 2) files.push(path);
  }
  await makeDeep(shard.tree, 4600);
  const scanned = await collect((await shard.scan()).records);
  const plan = await shard.plan(20);
  expect(plan.shards.length).toBeGreaterThan(5);
  const settledFiles: string[] = [];
  for (const { number, file, sorted } of plan.shards) {
    const recordsFile = join(shard.work, file);
    const reconciler = shard.reconciler(recordsFile, sorted);
    const result = await reconciler.addArchive((await shard.archive(recordsFile, `a${number}`)).content(`${number}.1`));
    expect(result).toMatchObject({ accepted: true, retry: null });
    const outcome = await reconciler.finish();
    await reconciler.close();
    expect(outcome.counts).toMatchObject({ vanished: 0, changedThenSaved: 0, exceptions: 0 });
    const kept = join(shard.work, `${number}.settled`);
    await writeFile(kept, await readFile(outcome.settledFile));
    settledFiles.push(kept);
  }
  const out = join(shard.work, 'index.zst');
  await mergeSettled({ settledFiles, rootRecord: Buffer.from(formatRecord(plan.root)), out });
  const index = await collect(readIndex(out));
  const tooLong = (await exceptionsOf(join(shard.work, plan.exceptionsFile ?? ''))).map(({ path }) => path);
  expect(tooLong.length).toBeGreaterThan(2);
  expect(index.map((record) => ({ ...record, archive: '' }))).toEqual(scanned.filter((record) => !tooLong.includes(recordPath(record))));
  const inodes = new Map<string, string>();
  for (const { inode, nlink, type, archive } of index) {
    if (nlink > 1 && type !== 'd') expect(inodes.get(inode) ?? archive).toBe(archive);
    inodes.set(inode, archive);
  }
});
