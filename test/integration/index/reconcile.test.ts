import { chmodSync, linkSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listCatalogue } from '../../../shared/dar/list-catalogue.js';
import { readRecordFile } from '../../../shared/index/line-file.js';
import { recordPath } from '../../../shared/index/record.js';
import { run } from '../../../shared/process/index.js';
import { collect } from '../../unit/shared/index/make-record.js';
import { backUp, DAR, exceptionsOf, settledRecords } from './shard-run.js';
import { OLD, prepared, swap, untilNextSecond, writeOld } from './tree-changes.js';

it('proves a tree of all kinds, names in any bytes, from the archive and from its isolated catalogue', async () => {
  const shard = await prepared((tree) => {
    mkdirSync(join(tree, 'd/empty'), { recursive: true });
    mkdirSync(join(tree, 'new\nline/sub'), { recursive: true });
    const names = ['-dash', ' lead', 'trail ', '#x', '*', '[a]', 'x'.repeat(255), '\xff\xfe', 'cr\r', 'a\nb', 'c\rd', '"\\', '<&">'];
    for (const [i, name] of names.entries()) writeFileSync(Buffer.from(`${tree}/d/${name}`, 'latin1'), 'x'.repeat(i));
    writeFileSync(join(tree, 'new\nline/sub/below'), 'text');
    linkSync(join(tree, 'd/#x'), join(tree, 'new\nline/hard'));
    symlinkSync('d', join(tree, 'link'));
    utimesSync(join(tree, 'd/*'), 5, 2 ** 33);
  });
  await run({ program: 'mkfifo', args: [join(shard.tree, 'fifo')] });
  const plan = await shard.plan();
  expect(plan.shards.map((planned) => planned.kind)).toEqual(['plain', 'awkward']);
  for (const planned of plan.shards) {
    const recordsFile = join(shard.work, planned.file);
    const archive = await shard.archive(recordsFile, `a${planned.number}`);
    const isolated = join(shard.work, `c${planned.number}`);
    await run({ program: 'dar', args: ['-C', isolated, '-A', archive.base, '-Q', '-N'] });
    const listed = (await collect(readRecordFile(recordsFile))).map((record) => [recordPath(record), record] as const);
    for (const base of [archive.base, isolated]) {
      const reconciler = shard.reconciler(recordsFile, planned.sorted);
      const key = `${planned.number}.1`;
      const result = await reconciler.addArchive({ archiveKey: key, entries: listCatalogue(base, DAR, { secretsDir: shard.work }) });
      expect(result).toEqual({ accepted: true, unlisted: [], saved: planned.records, retry: null });
      const outcome = await reconciler.finish();
      await reconciler.close();
      expect(outcome.counts).toEqual({ saved: planned.records, vanished: 0, changedThenSaved: 0, exceptions: 0 });
      expect(outcome.exceptionsFile).toBeNull();
      const settled = await settledRecords(outcome);
      expect(settled).toEqual(new Map(listed.map(([path, record]) => [path, { ...record, archive: key }])));
      const order = [...settled.values()].map((record) => `${record.dirname}//${record.name}/`);
      expect(order).toEqual([...order].sort());
    }
  }
});

it('leaves only its outcome behind', async () => {
  const shard = await prepared((tree) => { for (const name of ['a', 'b']) writeOld(join(tree, name), name); });
  await backUp(shard, { between: (round) => { if (round === 0) swap(join(shard.tree, 'a'), join(shard.tree, 'b')); } });
  expect((await readdir(shard.work)).filter((name) => name.startsWith('shard-0001.t1'))).toEqual(['shard-0001.t1.settled']);
});

it('has no record of what vanished, nor of what came', async () => {
  const shard = await prepared((tree) => {
    mkdirSync(join(tree, 'd'));
    for (const name of ['d/stays', 'd/goes', 'renamed']) writeOld(join(tree, name), name);
    utimesSync(join(tree, 'd'), OLD, OLD);
  });
  const { outcome, rounds } = await backUp(shard, {
    between: () => {
      rmSync(join(shard.tree, 'd/goes'));
      renameSync(join(shard.tree, 'renamed'), join(shard.tree, 'new name'));
      writeOld(join(shard.tree, 'd/comes'), '');
    },
  });
  expect(rounds.length).toBe(1);
  expect(outcome.counts).toEqual({ saved: 2, vanished: 2, changedThenSaved: 1, exceptions: 0 });
  const settled = await settledRecords(outcome);
  expect([...settled.keys()]).toEqual(['d', 'd/stays']);
  expect(Number(settled.get('d')?.mtime)).toBeGreaterThan(OLD + 1);
});

it('records what the archive holds when a file changed, was replaced, or changed its mode before dar came', async () => {
  const shard = await prepared((tree) => { for (const name of ['changed', 'replaced', 'chmod', 'type']) writeOld(join(tree, name), name); });
  const { outcome, rounds } = await backUp(shard, {
    between: () => {
      untilNextSecond();
      writeFileSync(join(shard.tree, 'changed'), 'longer than before');
      writeOld(join(shard.tree, 'tmp'), 'another file', OLD + 7);
      renameSync(join(shard.tree, 'tmp'), join(shard.tree, 'replaced'));
      chmodSync(join(shard.tree, 'chmod'), 0o600);
      rmSync(join(shard.tree, 'type'));
      symlinkSync('x', join(shard.tree, 'type'));
    },
  });
  expect(rounds).toEqual([{ accepted: true, unlisted: [], saved: 4, retry: null }]);
  expect(outcome.counts).toEqual({ saved: 4, vanished: 0, changedThenSaved: 4, exceptions: 0 });
  const settled = await settledRecords(outcome);
  expect(settled.get('changed')).toMatchObject({ size: '18', archive: '1.1', flags: '' });
  expect(settled.get('replaced')).toMatchObject({ size: '12', inode: expect.stringContaining(`:${lstatSync(join(shard.tree, 'replaced')).ino}`) as string });
  expect(settled.get('chmod')?.mode).toBe('600');
  expect(settled.get('type')?.type).toBe('l');
});

it('saves again what was another file when dar came', async () => {
  const shard = await prepared((tree) => {
    writeOld(join(tree, 'a'), 'content of a');
    writeOld(join(tree, 'b'), 'that of b', OLD - 100);
  });
  const both = (): void => { swap(join(shard.tree, 'a'), join(shard.tree, 'b')); };
  const { outcome, rounds } = await backUp(shard, { between: (round) => { if (round === 0) both(); }, after: (round) => { if (round === 0) both(); } });
  expect(rounds.map(({ saved, retry }) => [saved, retry?.records])).toEqual([[0, 2], [2, undefined]]);
  const settled = await settledRecords(outcome);
  expect([...settled.values()].map(({ archive, flags, size }) => [archive, flags, size])).toEqual([['1.2', '', '12'], ['1.2', '', '9']]);
  expect(outcome.counts).toEqual({ saved: 2, vanished: 0, changedThenSaved: 2, exceptions: 0 });
});

it('flags and names what never was itself', async () => {
  const shard = await prepared((tree) => {
    writeOld(join(tree, 'a'), 'content of a');
    writeOld(join(tree, 'b'), 'that of b', OLD - 100);
  });
  const both = (): void => { swap(join(shard.tree, 'a'), join(shard.tree, 'b')); };
  const { outcome } = await backUp(shard, { rounds: 2, between: both, after: both });
  expect([...(await settledRecords(outcome)).values()].map(({ archive, flags }) => [archive, flags])).toEqual([['1.2', 'x'], ['1.2', 'x']]);
  expect(outcome.counts).toMatchObject({ saved: 0, exceptions: 2 });
  expect((await exceptionsOf(outcome.exceptionsFile)).map(({ path, reason }) => [path, reason])).toEqual([
    ['a', 'changed during the backup'],
    ['b', 'changed during the backup'],
  ]);
});

it('does not trust what was below a directory that was another one for a while', async () => {
  const shard = await prepared((tree) => {
    // Twins: what is below differs in content only.
    for (const dir of ['d', 'e']) {
      mkdirSync(join(tree, dir));
      writeOld(join(tree, dir, 'x'), dir);
      utimesSync(join(tree, dir), OLD, OLD);
    }
    writeOld(join(tree, 'beside'), '');
  });
  const both = (): void => { swap(join(shard.tree, 'd'), join(shard.tree, 'e')); };
  const { outcome, rounds } = await backUp(shard, {
    between: (round) => {
      if (round > 0) return;
      untilNextSecond();
      both();
    },
    after: (round) => {
      if (round > 0) return;
      untilNextSecond();
      both();
    },
  });
  const settled = await settledRecords(outcome);
  expect(rounds.map(({ accepted, retry }) => [accepted, retry?.records])).toEqual([[true, 4], [true, undefined]]);
  expect(['d', 'e', 'd/x', 'e/x'].map((name) => settled.get(name)?.archive)).toEqual(['1.2', '1.2', '1.2', '1.2']);
  expect(settled.get('beside')?.archive).toBe('1.1');
  expect([...settled.keys()]).toEqual(['beside', 'd', 'd/x', 'e', 'e/x']);
});

it('notices a link in place of a directory, swapped in for a moment', async () => {
  const shard = await prepared((tree) => {
    for (const dir of ['p', 'q']) mkdirSync(join(tree, dir));
    for (const file of ['p/x', 'p/y', 'q/x']) writeOld(join(tree, file), file);
  });
  const path = (name: string): string => join(shard.tree, name);
  const { outcome, rounds } = await backUp(shard, {
    between: (round) => {
      if (round > 0) return;
      renameSync(path('p'), path('p.away'));
      symlinkSync('q', path('p'));
    },
    after: (round) => {
      if (round > 0) return;
      rmSync(path('p'));
      renameSync(path('p.away'), path('p'));
    },
  });
  // Replayed, the link would take away what older archives hold below it.
  expect(rounds.map(({ accepted }) => accepted)).toEqual([false, true]);
  const settled = await settledRecords(outcome);
  expect(['p', 'p/x', 'p/y', 'q/x'].map((name) => settled.get(name)?.archive)).toEqual(['1.2', '1.2', '1.2', '1.2']);
  expect(settled.get('p')?.type).toBe('d');
});

it('records the link where a directory became one for good', async () => {
  const shard = await prepared((tree) => {
    for (const dir of ['p', 'q']) mkdirSync(join(tree, dir));
    for (const file of ['p/x', 'q/x']) writeOld(join(tree, file), file);
  });
  const { outcome } = await backUp(shard, {
    between: (round) => {
      if (round > 0) return;
      rmSync(join(shard.tree, 'p'), { recursive: true });
      symlinkSync('q', join(shard.tree, 'p'));
    },
  });
  const settled = await settledRecords(outcome);
  expect(settled.get('p')?.type).toBe('l');
  expect([...settled.keys()]).toEqual(['p', 'q', 'q/x']);
  expect(outcome.counts).toMatchObject({ vanished: 1, exceptions: 0 });
});

it('accepts directories that only lead to what is listed', async () => {
  const shard = await prepared((tree) => {
    mkdirSync(join(tree, 'p/.q/r'), { recursive: true });
    writeOld(join(tree, 'p/.q/r/x'), '');
  });
  await shard.plan(1);
  const last = (await readdir(shard.work)).filter((name) => name.endsWith('.records')).sort().at(-1) ?? '';
  const recordsFile = join(shard.work, last);
  const reconciler = shard.reconciler(recordsFile);
  const result = await reconciler.addArchive((await shard.archive(recordsFile, 'a1')).content('4.1'));
  await reconciler.close();
  expect(result).toEqual({ accepted: true, unlisted: [], saved: 1, retry: null });
});

it('names what dar could not read, in its words, and does not try it again', async () => {
  const shard = await prepared((tree) => {
    chmodSync(join(tree, '..'), 0o755);
    chmodSync(join(tree, '../work'), 0o777);
    writeOld(join(tree, 'fine'), '');
    writeOld(join(tree, 'secret'), 's');
    chmodSync(join(tree, 'secret'), 0);
  });
  const plan = await shard.plan();
  const recordsFile = join(shard.work, plan.shards[0]?.file ?? '');
  chmodSync(recordsFile, 0o644);
  const archive = await shard.archive(recordsFile, 'a1', 65534);
  const reconciler = shard.reconciler(recordsFile);
  const result = await reconciler.addArchive(archive.content('1.1'));
  expect(result).toMatchObject({ saved: 1, retry: null });
  const outcome = await reconciler.finish();
  await reconciler.close();
  expect(outcome.counts).toEqual({ saved: 1, vanished: 0, changedThenSaved: 0, exceptions: 1 });
  expect(await exceptionsOf(outcome.exceptionsFile)).toEqual([
    { path: 'secret', reason: 'not saved', detail: expect.stringMatching(/Error while saving .*secret: Permission denied/) as string },
  ]);
  expect([...(await settledRecords(outcome)).keys()]).toEqual(['fine']);
});

it('flags and names times before 1970', async () => {
  const shard = await prepared((tree) => {
    writeOld(join(tree, 'old'), '', -5);
    writeOld(join(tree, 'young'), '', 5);
  });
  const { outcome, rounds } = await backUp(shard);
  expect(rounds.length).toBe(1);
  expect(outcome.counts).toEqual({ saved: 2, vanished: 0, changedThenSaved: 0, exceptions: 1 });
  expect(await exceptionsOf(outcome.exceptionsFile)).toMatchObject([{ path: 'old', reason: 'mtime before 1970 is not kept' }]);
  const settled = await settledRecords(outcome);
  expect([settled.get('old')?.flags, settled.get('young')?.flags]).toEqual(['t', '']);
  expect(settled.get('old')?.mtime).toBe('-5.0000000000');
});

it('records what came below a name that dar was given by -g', async () => {
  const shard = await prepared((tree) => {
    mkdirSync(join(tree, 'new\nline'));
    writeOld(join(tree, 'new\nline/x'), 'x');
  });
  const { outcome, rounds } = await backUp(shard, { between: () => { writeOld(join(shard.tree, 'new\nline/came'), 'later'); } });
  expect(rounds).toMatchObject([{ accepted: true, retry: null }]);
  const settled = await settledRecords(outcome);
  expect(settled.get('new\nline/came')).toMatchObject({ size: '5', archive: '1.1', flags: '' });
});
