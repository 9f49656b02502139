import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Job } from 'bullmq';
import { ulid } from 'ulid';
import { expect, it } from 'vitest';
import { storedFiles, type Manifest } from '../../../shared/catalog/index.js';
import { RECONCILE_AT_KEY } from '../../../shared/queues/names.js';
import { JOB_VERSION } from '../../../shared/queues/job-data.js';
import type { Run } from '../../../shared/runs/run-store.js';
import { sweepBackupJob, sweepStagingJob } from '../../../worker/jobs/cleanup/sweep-job.js';
import { StagingArea } from '../../../worker/staging/staging-area.js';
import { walk } from '../../../shared/reconcile/walk.js';
import { readJournal } from '../../../shared/journal/index.js';
import { reconcileRuns, reconcileSite } from '../../../producer/reconcile/reconcile.js';
import { testSite, type TestSite } from '../../helpers/site.js';

const ROUNDS = 12;
const SEED = 20;

/** Numbers from 0 to 1 that are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function runOf(site: TestSite, job: string, backupId: string, basepathId: string): Parameters<typeof sweepBackupJob>[1] {
  const { signal } = new AbortController();
  const { logger } = site.worker.context;
  const own = { id: job, data: { v: JOB_VERSION, backupId, basepathId } } as unknown as Job;
  return { job: own, token: '', signal, hurry: signal, giveWay: () => Promise.resolve(), stop: () => undefined, maxPauseMs: 60_000, logger };
}

/** All files of the site that a backup may be in, and directories that hold none. */
async function everything(site: TestSite): Promise<string[]> {
  const lists = await Promise.all(['staging/here', 'catalog/work', 'catalog/backups', 'lts'].map(async (name) => {
    const found = await readdir(join(site.dir, name), { recursive: true }).catch(() => []);
    return found.map((path) => `${name}/${path}`);
  }));
  return lists.flat().sort();
}

async function put(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'x');
}

it('whatever a failed backup left is gone after its cleanup, and everything of the others is there', async () => {
  const site = await testSite();
  for (const name of ['fay', 'gus']) await put(join(site.topdir, name, 'file'));
  await site.backUp();
  await site.worker.settled();
  const [fay] = await site.manifests();
  if (fay === undefined) return expect.unreachable();
  const { context } = site.worker;
  const random = numbers(SEED);
  const maybe = (): boolean => random() < 0.5;
  for (let round = 0; round < ROUNDS; round++) {
    const running = await leave(site, fay.basepathId, maybe, 'saving');
    const before = await everything(site);
    const backupId = await leave(site, fay.basepathId, maybe, maybe() ? 'failed' : null);
    for (let time = 0; time < 2; time++) {
      await sweepStagingJob(context, runOf(site, 'a', backupId, fay.basepathId));
      await sweepBackupJob(context, runOf(site, 'b', backupId, fay.basepathId));
    }
    expect(await everything(site), `round ${round}`).toEqual(before);
    await expect(sweepBackupJob(context, runOf(site, 'c', running, fay.basepathId))).rejects.toMatchObject({ code: 'SWEEP_TOO_EARLY' });
    expect(await everything(site)).toEqual(before);
    await context.runs.end(running, { phase: 'failed' });
    await sweepStagingJob(context, runOf(site, 'd', running, fay.basepathId));
    await sweepBackupJob(context, runOf(site, 'e', running, fay.basepathId));
  }
  await expectWhole(site, fay);
});

/** What a backup that did not end well may have left, at random. `phase` null: Redis has forgotten it. */
async function leave(site: TestSite, basepathId: string, maybe: () => boolean, phase: Run['phase'] | null): Promise<string> {
  const { context } = site.worker;
  const id = ulid();
  const fresh: Run = { id, kind: 'backup', basepathId, path: site.topdir, level: 'full', jobId: `backup.${id}`, phase: phase ?? 'failed', startedAt: new Date().toISOString(), endedAt: null, work: null, shards: 1, step: 0, records: 1, bytes: '1', error: null, outcome: null };
  if (phase !== null) await context.runs.create(fresh);
  const at = (...names: string[]): string => join(site.dir, ...names);
  const places = [
    at('staging', 'here', id, 's0001-t1-abcdef', 'a.1.dar'),
    at('staging', 'here', id, 's0001-t1-abcdef', 'a.1.dar.sha512'),
    at('staging', 'here', id, 's0001-t2-abcdee', 'skeleton', 'dir', '\u{FFFD}name'),
    at('catalog', 'work', id, 't1-abcdef', 'plan.json'),
    at('catalog', 'work', id, 't1-abcdef', '.plan.json.0123456789ab.tmp'),
    at('catalog', 'work', id, 't2-abcdeg', 's0001-t1-abcdef.result.json.tmp'),
    at('catalog', 'backups', basepathId, id, 'index.t1-abcdef.zst'),
    at('catalog', 'backups', basepathId, id, '.manifest.json.0123456789ab.tmp'),
    at('catalog', 'backups', basepathId, id, '.copy.0123456789ab.tmp'),
    at('lts', basepathId, id, 'a.1.dar'),
    at('lts', basepathId, id, 'index.t1-abcdef.zst'),
    at('lts', basepathId, id, 'a.2.dar.part-key-01234567'),
    at('lts', basepathId, id, 'manifest.json.part-key-01234567'),
  ];
  for (const place of places) if (maybe()) await put(place);
  for (const dir of [['catalog', 'work'], ['catalog', 'backups', basepathId], ['lts', basepathId], ['staging', 'here']]) if (maybe()) await mkdir(at(...dir, id), { recursive: true });
  return id;
}

async function expectWhole(site: TestSite, manifest: Manifest): Promise<void> {
  expect(await site.catalog.checkBackup(manifest)).toEqual([]);
  const parts = [...manifest.archives.flatMap(({ slices }) => slices), ...storedFiles(manifest)];
  for (const { locations } of parts) for (const { object } of Object.values(locations)) expect(await site.worker.context.backends[0]?.stat(object)).not.toBeNull();
}

it('touches nothing while the catalog or the long-term storage is not mounted', async () => {
  const site = await testSite();
  await put(join(site.topdir, 'fay', 'file'));
  await site.backUp();
  await site.worker.settled();
  const { context } = site.worker;
  const [fay] = await site.manifests();
  if (fay === undefined) return expect.unreachable();
  const backupId = ulid();
  const object = join(site.dir, 'lts', fay.basepathId, backupId, 'a.1.dar');
  await put(object);
  const sweep = (): Promise<unknown> => sweepBackupJob(context, runOf(site, 'a', backupId, fay.basepathId));
  for (const [name, code] of [['catalog', 'CATALOG_MISSING'], ['lts', 'LTS_MISSING']] as const) {
    const away = join(site.dir, `${name}-away`);
    await rename(join(site.dir, name), away);
    if (name === 'catalog') await mkdir(join(site.dir, name));
    await expect(sweep()).rejects.toMatchObject({ code });
    if (name === 'lts') await expectRestReconciled(site, fay.basepathId);
    await rm(join(site.dir, name), { recursive: true, force: true });
    await rename(away, join(site.dir, name));
  }
  expect(await readdir(dirname(object))).toEqual(['a.1.dar']);
  await sweep();
  await expect(readdir(dirname(object))).rejects.toMatchObject({ code: 'ENOENT' });
});

/** The basepaths whose turn it was come again, for what was not looked at. */
async function expectRestReconciled({ worker: { context } }: TestSite, basepathId: string): Promise<void> {
  const { redis } = context.queues;
  await redis.hdel('{bw}:newest', basepathId);
  const { findings, problems } = await reconcileSite(context, { dryRun: false, basepaths: 'slice' });
  expect(findings.map(({ kind, state }) => `${kind} ${state}`)).toEqual(['index-stale repaired']);
  expect(problems).toMatchObject([{ what: 'long-term storage lts', problem: expect.stringContaining('LTS_MISSING') as string }]);
  expect(await redis.get(RECONCILE_AT_KEY)).toBeNull();
}

it('takes staging of ended backups on a host that is gone, where it is seen, and leaves what may go on and what is not ours', async () => {
  const site = await testSite({ noWorker: true });
  const { context } = site.worker;
  const staging = site.config.staging.dir;
  const running = ulid();
  await context.runs.create({ id: running, kind: 'backup', basepathId: 'fay', path: site.topdir, level: 'full', jobId: `backup.${running}`, phase: 'saving', startedAt: new Date().toISOString(), endedAt: null, work: null, shards: 1, step: 0, records: 1, bytes: '1', error: null, outcome: null });
  for (const host of ['observer', 'gone']) for (const name of [ulid(), running, 'foreign']) await put(join(staging, host, name, 's0001-t1-abcdef', 'a.1.dar'));
  const look = async (dryRun: boolean, now = context.now): Promise<string[]> => {
    const found = [];
    for await (const { kind, subject, state } of walk(new StagingArea({ ...context, now }), { dryRun, onProblem: (_, thrown) => { throw thrown; } })) found.push(`${kind} ${subject.split(':')[0] ?? ''} ${state}`);
    return found.sort();
  };
  const foreign = ['staging-foreign gone left', 'staging-foreign observer left'];
  expect(await look(true)).toEqual([...foreign, 'staging-left gone found', 'staging-left observer found']);
  expect(await look(false)).toEqual([...foreign, 'staging-left gone repaired', 'staging-left observer repaired']);
  expect(await look(false)).toEqual(foreign);
  const muchLater = (): Date => new Date(Date.now() + 8 * 86_400_000);
  expect(await look(false, muchLater)).toEqual(foreign.map((each) => each.replace('left', 'repaired')));
  for (const host of ['observer', 'gone']) expect(await readdir(join(staging, host))).toEqual([running]);
});

it('a failure that was noted and not put on record, because its process died, is, once, and what it left is kept and then swept', async () => {
  const site = await testSite({ noWorker: true });
  const { context } = site.worker;
  const [id, endedAt] = [ulid(), new Date(Date.now() - 3_600_000).toISOString()];
  const keptUntil = new Date(Date.now() + 3_600_000).toISOString();
  await context.runs.create({ id, kind: 'backup', basepathId: 'fay', path: site.topdir, level: 'full', jobId: `backup.${id}`, phase: 'failed', startedAt: endedAt, endedAt, keptUntil, work: null, shards: 1, step: 0, records: 1, bytes: '1', error: 'STAGING_FULL: no room', outcome: null });
  await context.runs.addHost(id, 'gone');
  expect(await context.runs.running()).toEqual([]);
  const round = async (): Promise<string[]> => (await reconcileRuns(context)).findings.map(({ kind, state }) => `${kind} ${state}`);
  expect(await round()).toEqual(['run-unreported repaired']);
  const told = [];
  for await (const record of readJournal(context.catalog.journalDir, { kinds: ['attempt-ended'], onProblem: () => undefined })) told.push(record);
  expect(told).toMatchObject([{ backupId: id, outcome: 'failed', endedAt, error: { code: 'STAGING_FULL', message: 'no room' } }]);
  for (const job of [await context.queues.erasing.getJob(`sweep-backup.${id}`), await context.queues.cleanupOf('gone').getJob(`sweep-staging.${id}`)]) expect(job?.delay).toBeGreaterThan(3_500_000);
  expect(await context.queues.redis.ttl(`{bw}:run:${id}`)).toBeGreaterThan(86_400);
  expect(await round()).toEqual([]);

  // Cut off after the record: it is not told twice.
  await context.queues.redis.sadd('{bw}:runs', id);
  expect(await round()).toEqual(['run-unreported repaired']);
  let records = 0;
  for await (const record of readJournal(context.catalog.journalDir, { kinds: ['attempt-ended'], onProblem: () => undefined })) records += record.backupId === id ? 1 : 0;
  expect(records).toBe(1);
});
