import { randomBytes } from 'node:crypto';
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { expect } from 'vitest';
import { drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import { cancelRun } from '../../../producer/preemption/cancel.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { orderCopy } from '../../../shared/copies/order.js';
import { DrainedHosts } from '../../../shared/orders/drained-hosts.js';
import { orderKitRefresh } from '../../../shared/runs/order-kit.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import type { Ended } from '../../../producer/scheduler/watch-jobs.js';
import { isFinished } from '../../globus-simulator/records.js';
import type { GlobusSimulator } from '../../globus-simulator/simulator.js';
import { backUpLevel } from '../../helpers/chain.js';
import { restore } from '../../helpers/restore.js';
import type { TestSite } from '../../helpers/site.js';
import { until, untilNone } from '../../integration/bad-input/until.js';
import { KILLED_HOST } from './line-of-workers.js';
import type { Rounds } from './rounds.js';
import { BUNDLED, objectsOf, serviceProblems, taskKeysLeft } from './tasks-site.js';

/** As in work.ts. */
const PATIENCE_MS = 120_000;

/** No transfer gets on. Deletions do: a worker that starts makes one. */
const HOLD = { do: 'freeze', on: true, only: 'TRANSFER' } as const;
const LET_GO = { do: 'freeze', on: false } as const;

type Repeat = (work: (time: number) => Promise<void>) => Promise<void>;

export interface Far {
  readonly service: GlobusSimulator;
  /** Objects that the test took away, and that were brought once more. */
  readonly lost: string[];
}

/** Everything that goes to a service in tasks, and comes from there: slices, files of seals, bundles, a copy, a restore; with a lease that is waited for, backups that are cancelled and hosts that are drained meanwhile. */
export async function doTasks(site: TestSite, rounds: Rounds, repeat: Repeat, far: Far): Promise<void> {
  const { service } = far;
  const root = join(site.topdir, 'alice');
  await mkdir(root);
  await writeFile(join(root, 'big'), randomBytes(300_000)); // in several slices
  let newest: Manifest | null = null;
  await repeat(async (time) => {
    await writeFile(join(root, `new-${time}`), `new ${time}`);
    newest = await sealed(site, 'alice', time === 1 ? 'full' : 'incremental');
  });
  const { basepathId, backupId } = newest as unknown as Manifest;
  await repeat(async () => {
    const { state, reason } = await restore(site, await site.catalog.readManifest(basepathId, backupId), { target: join(site.dir, 'restore', ulid()) });
    expect({ state, reason }, 'restore').toEqual({ state: 'completed', reason: null });
  });
  await repeat((time) => wantedNoMore(site, service, `${time}`));
  await repeat((time) => drainedMeanwhile(site, service, `erin-${time}`));
  await repeat(() => copiedAgain(site, newest as unknown as Manifest, far));
  await repeat((time) => bundled(site, `bob-${time}`));
  await repeat(() => kitRefreshed(site));
  await repeat(rounds.whole);
}

/** After all work: at the service, and on record. */
export async function nothingLeft(site: TestSite, { service, lost }: Far): Promise<void> {
  await untilNone('no task goes on, and none is on record', async () => [...serviceProblems(service.tasks(), lost), ...(await taskKeysLeft(site))]);
}

async function sealed(site: TestSite, name: string, level: 'full' | 'incremental'): Promise<Manifest> {
  const ended = await backUpLevel(site, name, level);
  expectDone(ended, `${level} of ${name}`);
  return site.catalog.findBackup(ended.backupId);
}

function expectDone({ state, reason }: Ended, what: string): void {
  expect({ state, reason }, what).toEqual({ state: 'completed', reason: null });
}

async function someBasepath(topdir: string, name: string): Promise<string> {
  const root = join(topdir, name);
  await mkdir(root, { recursive: true });
  await writeFile(join(root, 'letter'), `letter of ${name}`);
  return root;
}

async function bundled(site: TestSite, name: string): Promise<void> {
  const topdir = join(site.dir, BUNDLED);
  const path = await someBasepath(topdir, name);
  expectDone(await backUpLevel(site, name, 'full', { topdir, path }), `full of ${name}`);
}

/** While one task takes long, and is the only one that may be, another backup waits for the lease and is cancelled: the service never hears of it. */
async function wantedNoMore(site: TestSite, service: GlobusSimulator, time: string): Promise<void> {
  const { queues, runs, journal, config, now } = site.worker.context;
  service.control(HOLD);
  await someBasepath(site.topdir, `carol-${time}`);
  const first = backUpLevel(site, `carol-${time}`, 'full');
  await onTheWay(service, (object) => object.includes(`/carol-${time}/`));
  await someBasepath(site.topdir, `dave-${time}`);
  const second = backUpLevel(site, `dave-${time}`, 'full');
  const waiting = await until('another backup waits for the lease', async () => (await new Outbox(queues.redis).all('lts', KILLED_HOST)).find(({ object }) => object.startsWith(`dave-${time}/`)) ?? null, PATIENCE_MS);
  await until('its host says so', async () => ((await queues.redis.hlen('{bw}:task-wants')) > 0 ? true : null), PATIENCE_MS);
  const run = await runs.read(waiting.backupId);
  if (run === null) throw new Error('a run');
  await cancelRun({ queues, runs, journal, config, now }, run, 'a test');
  service.control(LET_GO);
  expectDone(await first, `carol-${time}`);
  expect((await second).state).toBe('failed');
  expect(service.tasks().flatMap(objectsOf).filter((object) => object.includes(waiting.backupId))).toEqual([]);
}

/** Lets go of every task but one with such an object, which is held. */
async function onTheWay(service: GlobusSimulator, isMeant: (object: string) => boolean): Promise<void> {
  await until('the service has its task', () => {
    const live = service.tasks().filter((each) => !isFinished(each)).map(objectsOf).filter(({ length }) => length > 0);
    if (live.some((objects) => objects.some(isMeant))) return true;
    if (live.length === 0) return null;
    service.control(LET_GO);
    service.control(HOLD);
    return null;
  }, PATIENCE_MS);
}

/** Its host is drained while a seal waits for a task: the next start finds what the first one began. */
async function drainedMeanwhile(site: TestSite, service: GlobusSimulator, name: string): Promise<void> {
  await someBasepath(site.topdir, name);
  service.control(HOLD);
  const seals = backUpLevel(site, name, 'full');
  await onTheWay(service, (object) => object.includes(`/${name}/`) && object.includes('/index.'));
  const { queues } = site.worker.context;
  const hosts = new DrainedHosts(queues.redis);
  await hosts.drain(KILLED_HOST, { since: new Date().toISOString(), user: null, reason: 'a test', whenIdle: false });
  await until('its seal is handed back', async () => ((await queues.backup.getActiveCount()) === 0 ? true : null), PATIENCE_MS);
  await hosts.resume(KILLED_HOST);
  service.control(LET_GO);
  expectDone(await seals, `full of ${name}`);
}

async function kitRefreshed({ worker: { context: { queues } } }: TestSite): Promise<void> {
  await orderKitRefresh(queues);
  await drainCleanupAndKits(queues, KILLED_HOST);
}

/** Its index and what no manifest names are gone from long-term storage, and are there again, made of the catalog's: files that no collection shows. */
async function copiedAgain(site: TestSite, { basepathId, backupId, index }: Manifest, { lost }: Far): Promise<void> {
  const { queues } = site.worker.context;
  const objects = [index.name, 'archives.tsv', 'manifest.json'].map((name) => join(site.dir, 'lts', basepathId, backupId, name));
  for (const object of objects) await rm(object);
  lost.push(...objects);
  const jobId = await orderCopy(queues, { basepathId, backupId, lts: 'lts', repair: true });
  await until('the copy is made', async () => ((await (await queues.copies.getJob(jobId))?.isCompleted()) === true ? true : null), PATIENCE_MS);
  for (const object of objects) await access(object);
}
