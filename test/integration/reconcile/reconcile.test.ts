import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { expect, it } from 'vitest';
import { reconcileSite, type Reconciled } from '../../../producer/reconcile/reconcile.js';
import { drainCleanup } from '../../../bin/drain-cleanup.js';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import { readLastRound } from '../../../shared/reconcile/last-round.js';
import { isLeft } from '../../../shared/reconcile/walk.js';
import { newestOf } from '../../../shared/runs/newest.js';
import { keepCopy, restoreDifferences } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { until } from '../bad-input/until.js';

const HOUR_MS = 3_600_000;
/** What left this long ago is nobody's any more. */
const OLD = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

async function reconcile(site: TestSite, dryRun: boolean): Promise<Reconciled> {
  const found = await reconcileSite({ ...site.worker.context, now: () => new Date(Date.now() + HOUR_MS) }, { dryRun, basepaths: 'all-with-lts' });
  await drainCleanup(site.worker.context.queues, 'here');
  return found;
}

const told = ({ findings }: Reconciled): string[] => findings.map(({ kind, state }) => `${kind} ${state}`).sort();

async function addBasepath(site: TestSite, name: string, bytes: number): Promise<void> {
  await mkdir(join(site.topdir, name));
  await writeFile(join(site.topdir, name, 'file'), randomBytes(bytes));
}

/** Two backups whose shards are done and whose slices wait to be sent. */
async function halfDone(site: TestSite): Promise<Map<string, string>> {
  const { queues, runs } = site.worker.context;
  await queues.transfer('here').pause();
  for (const name of ['carol', 'dave']) await addBasepath(site, name, 3 * 1024 ** 2);
  const [report] = await site.producer.tick();
  const ids = new Map((report?.enqueued ?? []).map(({ basepathId, backupId }) => [basepathId, backupId]));
  await until('both wait for their transfers', async () => {
    for (const id of ids.values()) {
      const shard = await queues.backup.getJob(`shard.${id}.1`);
      if (shard === undefined || !(await shard.isCompleted()) || (await runs.read(id))?.phase !== 'saving' || !(await (await queues.backup.getJob(`backup.${id}`))?.isWaitingChildren())) return null;
    }
    return true;
  });
  await queues.backup.pause();
  return ids;
}

it('finds what does not fit together, changes nothing in a dry run, mends it once, and what was running ends well', async () => {
  const site = await testSite({ settings: { dar: { sliceSize: '1MiB' } } });
  const { context } = site.worker;
  const { redis } = context.queues;
  for (const name of ['alice', 'bob']) await addBasepath(site, name, 100);
  await site.backUp();
  await drainCleanup(context.queues, 'here');
  const sealed = new Map((await site.manifests()).map((manifest) => [manifest.basepathId, manifest]));
  const [alice, bob] = ['alice', 'bob'].map((name) => [...sealed.values()].find(({ source }) => source.path === join(site.topdir, name)));
  if (alice === undefined || bob === undefined) return expect.unreachable();
  expect(told(await reconcile(site, true))).toEqual([]);
  const ids = [...(await halfDone(site))];
  const [carol, dave] = ['carol', 'dave'].map((name) => ids.find(([basepathId]) => basepathId.startsWith(name))?.[1] ?? '') as [string, string];

  // Jobs, items, keys.
  await (await context.queues.backup.getJob(`backup.${carol}`))?.remove({ removeChildren: false });
  const [object = ''] = [...(await context.items.all(dave)).keys()].sort();
  const lostSend = `send.${object.split('/').at(-1) ?? ''}`;
  await redis.hdel(`{bw}:items:${dave}`, object);
  await redis.del(`{bw}:transfer-here:${lostSend}`);
  await redis.zrem('{bw}:transfer-here:prioritized', lostSend);
  await redis.set('{bw}:backup:de:full.ghost', 'backup.ghost');
  await redis.hset(`{bw}:run:${ulid()}`, 'part:1', '0 0 0 0');
  await redis.hdel('{bw}:newest', alice.basepathId);
  // Files.
  await mkdir(join(site.config.staging.dir, 'here', ulid(), 's0001-t1-abcdef'), { recursive: true });
  await writeFile(join(site.config.staging.dir, 'here', 'notes'), 'somebody\'s');
  await mkdir(join(site.config.catalog.dir, 'work', alice.backupId, 't1-abcdef'), { recursive: true });
  await rename(join(site.config.catalog.dir, 'backups', bob.basepathId), join(site.dir, 'bob-as-it-was'));
  // Journal, dead letters.
  const failed = { kind: 'attempt-ended' as const, backupId: ulid(), basepathId: alice.basepathId, level: 'full' as const, outcome: 'failed' as const, error: { code: 'X', message: 'x' }, startedAt: alice.startedAt, endedAt: alice.sealedAt, bytes: '0', files: 0 };
  await context.journal.append(failed);
  await context.journal.append({ ...failed, backupId: ulid(), outcome: 'clean', error: null });
  await new DeadLetters(context.queues).add({ v: 1, runId: failed.backupId, kind: 'backup', basepathId: alice.basepathId, path: alice.source.path, level: 'full', startedAt: alice.startedAt, failedAt: alice.sealedAt, code: 'X', message: 'x', last: null });
  // Long-term storage.
  const lts = join(site.dir, 'lts');
  await rm(join(lts, alice.index.locations['lts']?.object ?? ''));
  await mkdir(join(lts, alice.basepathId, OLD));
  await writeFile(join(lts, alice.basepathId, OLD, 'nobodys'), 'x');
  await writeFile(join(lts, 'foreign'), 'xy');

  const files = async (): Promise<string[]> => (await Promise.all(['staging', 'catalog', 'lts'].map((name) => readdir(join(site.dir, name), { recursive: true })))).flat().filter((path) => !path.startsWith('.claims-')).sort(); // those are of the worker, which runs
  const before = await files();
  const reports = ['object-missing left', 'objects-unexplained left', 'objects-unexplained left', 'staging-foreign left'];
  const repairs = ['index-stale', 'item-lost', 'item-without-job', 'job-lost', 'letter-settled', 'place-unheld', 'run-remains', 'seal-unfinished', 'staging-left', 'work-left'];
  const dry = await reconcile(site, true);
  expect(dry.problems).toEqual([]);
  // Of bob's catalog directory nothing is there any more, and Redis says there is.
  expect(told(dry)).toEqual([...reports, ...repairs.map((kind) => `${kind} found`), 'index-stale found'].sort());
  expect(await files()).toEqual(before);
  expect(await redis.get('{bw}:backup:de:full.ghost')).toBe('backup.ghost');
  expect(told(await reconcile(site, true))).toEqual(told(dry));

  const mended = await reconcile(site, false);
  expect(told(mended)).toEqual([...reports, ...repairs.map((kind) => `${kind} repaired`), 'index-stale repaired'].sort());
  expect((await newestOf(redis, alice.basepathId))?.backupId).toBe(alice.backupId);
  expect((await site.catalog.readManifest(bob.basepathId, bob.backupId)).sealedAt).toBe(bob.sealedAt);
  const again = await reconcile(site, false);
  expect(told(again)).toEqual(reports);
  expect(again.findings.every(isLeft)).toBe(true);
  const left = { 'object-missing': 1, 'objects-unexplained': 1, 'staging-foreign': 1 };
  expect((await readLastRound(redis))?.left).toEqual({ ...left, 'objects-unexplained': 2 }); // one of no basepath: told by this look alone
  // What a basepath's last look left is told until its next one.
  await reconcileSite({ ...context, now: () => new Date(Date.now() + HOUR_MS) }, { dryRun: false, basepaths: 'all' });
  expect((await readLastRound(redis))?.left).toEqual(left);

  await context.queues.transfer('here').resume();
  await context.queues.backup.resume();
  const ended = await site.waitFor([carol, dave].map((id) => `backup.${id}`));
  expect(ended.map(({ state, reason }) => [state, reason])).toEqual([['completed', null], ['completed', null]]);
  for (const [name, id] of [['carol', carol], ['dave', dave], ['bob', bob.backupId]] as const) {
    const copy = await keepCopy(join(site.topdir, name), join(site.dir, `${name}-copy`));
    expect(await restoreDifferences(site, await site.catalog.findBackup(id), copy)).toEqual([]);
  }
});
