import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ulid } from 'ulid';
import { startLocalWorker, type LocalWorker } from '../../../bin/start-local.js';
import { LOOK_EVERY_MS, WaitingWatch } from '../../../producer/preemption/watch-waiting.js';
import { enqueueBackup } from '../../../producer/scheduler/enqueue.js';
import { watchJobs } from '../../../producer/scheduler/watch-jobs.js';
import type { Config } from '../../../shared/config/config.js';
import { loadConfig } from '../../../shared/config/load-config.js';
import { createLogger } from '../../../shared/logging/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { JOB_VERSION, type RestoreJob } from '../../../shared/queues/job-data.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { workerConnection } from '../../../shared/redis/connect.js';
import { startEmbeddedRedis } from '../../../shared/redis/embedded.js';
import { restoreResultSchema } from '../../../shared/runs/restore-result.js';
import { writeSiteConfig } from '../bench-site.js';
import { seconds, type CaseOptions, type CaseResult } from '../result.js';
import { median } from '../statistics.js';

const LIMIT_MS = 10_000;
const RESTORES_PER_ROUND = 4;
const HOSTS = ['one', 'two'] as const;
const SLOTS = 2;
const FILE_BYTES = 1_000_000;
/** Of each full: two of them do not fit what backups may have of a host's budget. */
const BIG_FILES = 40;
const BUDGET = '32MiB';
const SMALL_FILES = 2;
const SMALL = 'small';

/** From the order, ms. */
interface Measured {
  /** To the start of the job that extracts the first archive: the restore is planned by then. */
  readonly begunMs: number;
  readonly endedMs: number;
}

/** Restores that are ordered while every slot of two workers has a full, none of which can go on: staging is full, and nothing leaves. */
export async function restoreStart({ dir, quick, runs, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const top = join(dir, 'top');
  const big = Array.from({ length: HOSTS.length * SLOTS }, (_, i) => `big-${i}`);
  await makeFiles(join(top, SMALL), SMALL_FILES);
  for (const name of big) await makeFiles(join(top, name), BIG_FILES);
  const site = await open(dir, top, atEnd);
  await site.wait([await site.addFull(SMALL)]);
  const measured: Measured[] = [];
  for (let round = 0; round < runs; round++) {
    await site.transfers('pause');
    const fulls: string[] = [];
    for (const name of big) fulls.push(await site.addFull(name));
    for (let i = 0; i < (quick ? 2 : RESTORES_PER_ROUND); i++) {
      await site.untilFull();
      measured.push(await site.restore());
    }
    await site.transfers('resume');
    await site.wait(fulls);
  }
  return resultOf(measured, site.stops(), big.length, say);
}

function resultOf(measured: readonly Measured[], stops: number, fulls: number, say: CaseOptions['say']): CaseResult {
  const [begun, ended] = [measured.map(({ begunMs }) => begunMs), measured.map(({ endedMs }) => endedMs)];
  const most = Math.max(...begun);
  say(`${measured.length} restores began after at most ${seconds(most)}, ${stops} stops`);
  const row = (what: string, times: readonly number[]) => ({ what, product: seconds(Math.max(...times)), baseline: '-', measured: `median ${seconds(median(times))}`, runs: times.map((ms) => (ms / 1000).toFixed(2)).join(' ') });
  return {
    name: 'restore-start',
    data: `${fulls} fulls of ${(BIG_FILES * FILE_BYTES) / 1e6} MB, restores of ${(SMALL_FILES * FILE_BYTES) / 1e6} MB that are fetched into staging`,
    how: `two workers of ${SLOTS} slots with ${BUDGET} of staging each, all slots stopped in the middle of fulls, transfers at a stand; from the order of a restore to its first extraction, and to its end`,
    rows: [
      { ...row('a restore begins to extract, slowest', begun), target: `< ${seconds(LIMIT_MS)}`, met: most < LIMIT_MS },
      { ...row('it has ended, slowest', ended), target: '-', met: null },
    ],
    phases: [],
    steps: [],
    notes: [`A full gave its slot to a restore, kept what it had saved, and went on afterwards: ${stops} times. All of them were sealed when transfers went on.`],
  };
}

async function makeFiles(dir: string, count: number): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (let i = 0; i < count; i++) await writeFile(join(dir, `file-${i}`), randomBytes(FILE_BYTES));
}

interface Site {
  readonly addFull: (name: string) => Promise<string>;
  readonly wait: (jobIds: readonly string[]) => Promise<void>;
  readonly transfers: (what: 'pause' | 'resume') => Promise<void>;
  /** Resolves when every slot has a dar that waits for staging. */
  readonly untilFull: () => Promise<void>;
  /** Orders one, and waits for its end. */
  readonly restore: () => Promise<Measured>;
  /** Fulls that were stopped so far. */
  readonly stops: () => number;
}

async function open(dir: string, top: string, atEnd: CaseOptions['atEnd']): Promise<Site> {
  const settings = {
    worker: { slots: SLOTS, transferSlots: 2, incrementalSlots: '0%' },
    staging: { dir: join(dir, 'staging-one'), budget: BUDGET },
    dar: { sliceSize: '1MiB', compression: 'bzip2:1', storeOnly: [] }, // so slow that it is stopped before staging is far beyond the budget
    shards: { maxFiles: 1_000 },
    restore: { allowedTargets: [join(dir, 'restored')] },
  };
  for (const name of ['restored', ...HOSTS.map((host) => `staging-${host}`)]) await mkdir(join(dir, name), { mode: 0o700 });
  const { config } = await loadConfig({ file: await writeSiteConfig({ dir: join(dir, 'site'), top, settings }), env: {}, flags: {} });
  const server = await startEmbeddedRedis(config);
  atEnd(() => server.stop());
  const workers: LocalWorker[] = [];
  atEnd(async () => { for (const worker of workers) await worker.close(); });
  for (const host of HOSTS) {
    const logger = createLogger({ level: 'error', format: 'json', host, component: 'bench' });
    const worker = await startLocalWorker({ ...config, host, staging: { ...config.staging, dir: join(dir, `staging-${host}`) } }, logger, 'worker');
    workers.push(worker);
    // As if long-term storage were far away: what is restored needs room in staging, too.
    for (const backend of worker.context.backends) {
      const far = { ...backend.capabilities(), directRead: false };
      Object.assign(backend, { capabilities: () => far });
    }
  }
  return siteOf({ dir, top, config, workers, atEnd });
}

function siteOf({ dir, top, config, workers, atEnd }: { dir: string; top: string; config: Config; workers: readonly LocalWorker[]; atEnd: CaseOptions['atEnd'] }): Site {
  const { context } = workers[0] as LocalWorker;
  const { queues, runs } = context;
  const wait = (jobIds: readonly string[]): Promise<void> =>
    watchJobs(queues, workerConnection(config), new Set(jobIds), ({ jobId, state, reason }) => { if (state === 'failed') throw new Error(`${jobId}: ${reason ?? ''}`); });
  let stops = 0;
  const watch = new WaitingWatch({ queues, runs, maxPerBackup: 3 });
  const looking = every(LOOK_EVERY_MS, async () => { stops += (await watch.look()).length; });
  atEnd(() => looking.stop());
  return {
    wait,
    stops: () => stops,
    addFull: async (name) => {
      const path = bytePath.fromText(join(top, name));
      const request = { basepathId: name, topdir: top, path, level: 'full', priorityClass: 'full', policyHash: config.policyHash, reason: 'bench', acceptSource: false } as const;
      return (await enqueueBackup(queues, request, Date.now())).jobId;
    },
    transfers: async (what) => { for (const host of HOSTS) await queues.transfer(host)[what](); },
    untilFull: async () => {
      const isFull = ({ context: { staging } }: LocalWorker): Promise<boolean> => staging.account.state().then(({ pausedDars, usedBytes, budgetBytes }) => pausedDars === SLOTS && usedBytes > budgetBytes / 2);
      while (!(await Promise.all(workers.map(isFull))).every(Boolean)) await pause(20);
    },
    restore: async () => {
      const restoreId = ulid();
      const job: RestoreJob = { v: JOB_VERSION, restoreId, basepathId: SMALL, backupId: await newestOf(context, SMALL), target: join(dir, 'restored', restoreId), paths: [], conflict: 'refuse' };
      const orderedAt = Date.now();
      const ordered = await queues.backup.add('restore', job, { jobId: `restore.${restoreId}`, priority: priorityOf('restore'), attempts: 1 });
      await wait([String(ordered.id)]);
      const ended = await queues.backup.getJob(String(ordered.id));
      const { outcome } = restoreResultSchema.parse(ended?.returnvalue);
      if (outcome !== 'clean') throw new Error('the restore is not clean');
      const first = await queues.backup.getJob(`restore-archive.${restoreId}.0`);
      return { begunMs: (first?.processedOn ?? NaN) - orderedAt, endedMs: (ended?.finishedOn ?? NaN) - orderedAt };
    },
  };
}

async function newestOf({ catalog }: LocalWorker['context'], basepathId: string): Promise<string> {
  for await (const listed of catalog.listBackups({ basepathId })) if (listed.ok) return listed.manifest.backupId;
  throw new Error(`${basepathId} has no backup`);
}

function every(ms: number, work: () => Promise<unknown>): { stop: () => Promise<void> } {
  const state = { stopped: false };
  const loop = async (): Promise<void> => {
    while (!state.stopped) {
      await work();
      await pause(ms);
    }
  };
  const running = loop();
  running.catch(() => undefined); // whoever stops it gets the rejection
  return {
    stop: async () => {
      state.stopped = true;
      await running;
    },
  };
}
