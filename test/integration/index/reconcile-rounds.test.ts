import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { endLine, formatRecord } from '../../../shared/index/format.js';
import { readRecordFile } from '../../../shared/index/line-file.js';
import { ShardReconciler, type RoundResult } from '../../../shared/index/reconcile.js';
import { recordPath } from '../../../shared/index/record.js';
import type { SavedEntry } from '../../../shared/index/saved-entry.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { collect } from '../../unit/shared/index/make-record.js';
import { backUp, exceptionsOf, settledRecords } from './shard-run.js';
import { dirty, prepared, writeOld } from './tree-changes.js';

it('refuses an archive that holds a link above listed paths, and goes on without it', async () => {
  const shard = await prepared((tree) => {
    for (const dir of ['p', 'q']) mkdirSync(join(tree, dir));
    for (const file of ['p/x', 'q/x']) writeOld(join(tree, file), file);
  });
  await shard.plan();
  const all = await collect(readRecordFile(join(shard.work, 'shard-0001.records')));
  const below = all.filter((record) => record.type !== 'd'); // p itself belongs to another shard
  const recordsFile = join(shard.work, 'below.records');
  await writeFile(recordsFile, [...below.map(formatRecord), endLine(below.length), ''].join('\0'), 'latin1');
  rmSync(join(shard.tree, 'p'), { recursive: true });
  symlinkSync('q', join(shard.tree, 'p'));
  const reconciler = shard.reconciler(recordsFile);
  const refused = (await shard.archive(recordsFile, 'a1')).content('1.1');
  const first = await reconciler.addArchive({ ...refused, entries: dirty(refused.entries, 'q/x') });
  expect(await collect(readRecordFile(first.retry?.recordsFile ?? ''))).toMatchObject([{ name: 'x', archive: '', flags: '' }]);
  expect(first).toMatchObject({ accepted: false, unlisted: ['p'], saved: 0, retry: { records: 1 } });
  const second = await reconciler.addArchive((await shard.archive(first.retry?.recordsFile ?? '', 'a2')).content('1.2'));
  expect(second).toMatchObject({ accepted: true, saved: 1, retry: null });
  const outcome = await reconciler.finish();
  await reconciler.close();
  expect([...(await settledRecords(outcome)).values()].map((record) => [recordPath(record), record.archive])).toEqual([['q/x', '1.2']]);
  expect(outcome.counts).toEqual({ saved: 1, vanished: 1, changedThenSaved: 0, exceptions: 0 });
});

it('refuses one with a link in place of a listed directory, also where its name cannot stand in a list', async () => {
  const shard = await prepared((tree) => {
    mkdirSync(join(tree, 'a\nb/d'), { recursive: true });
    writeOld(join(tree, 'a\nb/d/x'), 'x');
  });
  const { outcome, rounds } = await backUp(shard, {
    between: (round) => {
      if (round > 0) return;
      rmSync(join(shard.tree, 'a\nb/d'), { recursive: true });
      symlinkSync('elsewhere', join(shard.tree, 'a\nb/d'));
      writeFileSync(join(shard.tree, 'a\nb/new'), 'made after the scan');
    },
  });
  expect(rounds.map(({ accepted, unlisted }) => [accepted, unlisted])).toEqual([[false, ['a\nb/d']], [true, []]]);
  const settled = await settledRecords(outcome);
  expect([...settled].map(([path, { type, archive }]) => [path, type, archive]).sort()).toEqual([['a\nb', 'd', '1.2'], ['a\nb/d', 'l', '1.2'], ['a\nb/new', 'f', '1.2']]);
  expect(outcome.counts).toMatchObject({ vanished: 1, exceptions: 0 });
});

it('keeps what an earlier archive holds of what vanished when a later one is refused; times that are lost are named once', async () => {
  const shard = await prepared((tree) => {
    writeOld(join(tree, 'torn'), 'of two moments');
    writeOld(join(tree, 'old'), 'before 1970', -1000);
  });
  await shard.plan();
  const recordsFile = join(shard.work, 'shard-0001.records');
  const reconciler = shard.reconciler(recordsFile);
  const stranger: SavedEntry = { path: bytePath.of('stranger'), type: 'l', size: '', mtime: '1', ctime: '1', hasEa: false, dirty: false, removed: false, data: 'saved', hardlinked: false };
  const add = async (list: string, name: string, key: string, change: (entries: AsyncIterable<readonly SavedEntry[]>) => AsyncIterable<readonly SavedEntry[]>): Promise<RoundResult> => {
    const content = (await shard.archive(list, name)).content(key);
    return reconciler.addArchive({ ...content, entries: change(content.entries) });
  };
  const refused = await add(recordsFile, 'a1', '1.1', (entries) => withAlso(entries, stranger));
  expect(refused).toMatchObject({ accepted: false, retry: { records: 2 } });
  const torn = await add(refused.retry?.recordsFile ?? '', 'a2', '1.2', (entries) => dirty(entries, 'torn'));
  expect(torn).toMatchObject({ accepted: true, saved: 1, retry: { records: 1 } });
  rmSync(join(shard.tree, 'torn'));
  const last = await add(torn.retry?.recordsFile ?? '', 'a3', '1.3', (entries) => withAlso(entries, stranger));
  expect(last).toMatchObject({ accepted: false, retry: null });
  const outcome = await reconciler.finish();
  await reconciler.close();
  expect([...(await settledRecords(outcome))].map(([path, { archive, flags }]) => [path, archive, flags])).toEqual([['old', '1.2', 't'], ['torn', '1.2', 'c']]);
  expect(outcome.counts).toEqual({ saved: 2, vanished: 1, changedThenSaved: 0, exceptions: 1 });
});

async function* withAlso(entries: AsyncIterable<readonly SavedEntry[]>, entry: SavedEntry): AsyncGenerator<readonly SavedEntry[]> {
  yield* entries;
  yield [entry];
}

it('saves all names of a hard-linked file again when one was away', async () => {
  const shard = await prepared((tree) => {
    mkdirSync(join(tree, 'd'));
    writeOld(join(tree, 'd/one'), 'shared');
    linkSync(join(tree, 'd/one'), join(tree, 'd/two'));
    writeOld(join(tree, 'd/alone'), '');
  });
  const two = join(shard.tree, 'd/two');
  const { outcome, rounds } = await backUp(shard, {
    between: (round) => { if (round === 0) renameSync(two, join(shard.tree, 'away')); },
    after: (round) => { if (round === 0) renameSync(join(shard.tree, 'away'), two); },
  });
  expect(rounds[0]?.retry).toMatchObject({ records: expect.toSatisfy((records: number) => records >= 2) as number });
  const settled = await settledRecords(outcome);
  expect(['d/one', 'd/two', 'd/alone'].map((name) => settled.get(name)?.archive)).toEqual(['1.2', '1.2', '1.1']);
  expect(outcome.counts).toMatchObject({ vanished: 0, exceptions: 0 });
});

it('keeps the names that were saved when another one of the inode never was', async () => {
  const shard = await prepared((tree) => {
    writeOld(join(tree, 'one'), 'shared');
    linkSync(join(tree, 'one'), join(tree, 'two'));
  });
  const plan = await shard.plan();
  const recordsFile = join(shard.work, plan.shards[0]?.file ?? '');
  const content = (await shard.archive(recordsFile, 'a1')).content('1.1');
  async function* withoutTwo(): AsyncGenerator<SavedEntry[]> {
    for await (const batch of content.entries) yield batch.filter((entry) => entry.path !== 'two');
  }
  const reconciler = shard.reconciler(recordsFile);
  const result = await reconciler.addArchive({ ...content, entries: withoutTwo() });
  expect(result).toMatchObject({ saved: 1, retry: { records: 2 } });
  const outcome = await reconciler.finish();
  await reconciler.close();
  expect([...(await settledRecords(outcome)).values()].map(({ name, archive, flags }) => [name, archive, flags])).toEqual([['one', '1.1', '']]);
  expect(await exceptionsOf(outcome.exceptionsFile)).toMatchObject([{ path: 'two', reason: 'not saved' }]);
});

it('goes on after an interrupted archive with all that was not reached', async () => {
  const shard = await prepared((tree) => {
    for (const name of ['a', 'b', 'c']) writeOld(join(tree, name), name);
    linkSync(join(tree, 'a'), join(tree, 'z'));
  });
  const plan = await shard.plan();
  const recordsFile = join(shard.work, plan.shards[0]?.file ?? '');
  const full = (await shard.archive(recordsFile, 'a1')).content('1.1');
  async function* begun(): AsyncGenerator<SavedEntry[]> {
    for await (const batch of full.entries) yield batch.filter((entry) => entry.path === 'a' || entry.path === 'b');
  }
  rmSync(join(shard.tree, 'c')); // noticed by the next archive, not now
  const reconciler = shard.reconciler(recordsFile);
  const first = await reconciler.addArchive({ ...full, entries: begun(), interrupted: true });
  expect(first).toMatchObject({ accepted: true, saved: 2 });
  expect((await collect(readRecordFile(first.retry?.recordsFile ?? ''))).map(recordPath)).toEqual(['a', 'c', 'z']);
  await reconciler.addArchive((await shard.archive(first.retry?.recordsFile ?? '', 'a2')).content('1.2'));
  const outcome = await reconciler.finish();
  await reconciler.close();
  const settled = await settledRecords(outcome);
  expect([...settled.values()].map((record) => [recordPath(record), record.archive])).toEqual([['a', '1.2'], ['b', '1.1'], ['z', '1.2']]);
  expect(outcome.counts).toEqual({ saved: 3, vanished: 1, changedThenSaved: 0, exceptions: 0 });
});

it('tries again what changed while it was read, and flags it when it never stood still', async () => {
  const shard = await prepared((tree) => { for (const name of ['calm', 'busy']) writeOld(join(tree, name), name); });
  const plan = await shard.plan();
  const recordsFile = join(shard.work, plan.shards[0]?.file ?? '');
  const reconciler = shard.reconciler(recordsFile);
  let next = recordsFile;
  for (const round of [1, 2]) {
    const content = (await shard.archive(next, `a${round}`)).content(`1.${round}`);
    const result = await reconciler.addArchive({ ...content, entries: dirty(content.entries, 'busy') });
    expect(result.retry?.records).toBe(1);
    next = result.retry?.recordsFile ?? '';
  }
  const outcome = await reconciler.finish();
  await reconciler.close();
  expect([...(await settledRecords(outcome)).values()].map(({ name, flags, archive }) => [name, flags, archive])).toEqual([['busy', 'c', '1.2'], ['calm', '', '1.1']]);
  expect(await exceptionsOf(outcome.exceptionsFile)).toMatchObject([{ path: 'busy', reason: 'changed while read' }]);
  expect(outcome.counts).toEqual({ saved: 2, vanished: 0, changedThenSaved: 0, exceptions: 1 });
});

it('gives up on a tree that hangs', async () => {
  const shard = await prepared((tree) => { writeOld(join(tree, 'a'), ''); });
  const plan = await shard.plan();
  const recordsFile = join(shard.work, plan.shards[0]?.file ?? '');
  async function* nothing(): AsyncGenerator<SavedEntry[]> { yield await Promise.resolve([]); }
  const reconciler = new ShardReconciler({ root: shard.root, recordsFile, sorted: true, hasParent: false, workDir: shard.work, name: 'slow', examineTimeoutMs: 100 });
  const path = process.env['PATH'];
  writeFileSync(join(shard.work, 'find'), '#!/bin/sh\nexec sleep 100\n', { mode: 0o755 });
  process.env['PATH'] = `${shard.work}:${path ?? ''}`;
  try {
    await expect(reconciler.addArchive({ archiveKey: '1.1', entries: nothing() })).rejects.toMatchObject({ code: 'SOURCE_HUNG' });
  } finally {
    process.env['PATH'] = path;
    await reconciler.close();
  }
});
