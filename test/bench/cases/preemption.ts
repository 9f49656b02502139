import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startLocalWorker, type LocalWorker } from '../../../bin/start-local.js';
import { LOOK_EVERY_MS, WaitingWatch } from '../../../producer/preemption/watch-waiting.js';
import { enqueueBackup } from '../../../producer/scheduler/enqueue.js';
import { watchJobs } from '../../../producer/scheduler/watch-jobs.js';
import type { Config } from '../../../shared/config/config.js';
import { loadConfig } from '../../../shared/config/load-config.js';
import { createLogger } from '../../../shared/logging/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { workerConnection } from '../../../shared/redis/connect.js';
import { startEmbeddedRedis } from '../../../shared/redis/embedded.js';
import { writeSiteConfig } from '../bench-site.js';
import { cpuSince, cpuTime } from '../cpu-time.js';
import { seconds, type CaseOptions, type CaseResult } from '../result.js';

const LIMIT_MS = 1_000;
const LIMIT_EXTRA = 0.05;
/** Fulls per run of the bench: 100 with its usual 5. */
const FULLS_PER_RUN = 20;
const FILE_BYTES = 100_000;
const HOSTS = ['one', 'two'] as const;

type PriorityClass = 'full' | 'incremental';

/** Fulls that come while two hosts of one slot each work on long jobs of the incrementals' class; dar compresses slowly, so that these last. */
export async function preemption({ dir, quick, runs, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const fulls = quick ? 3 : runs * FULLS_PER_RUN;
  const files = quick ? 240 : fulls * 25; // more than fits an archive that is made in one go, and not stopped
  const top = join(dir, 'top');
  await makeLong(top, files);
  await mkdir(join(top, 'small'));
  await writeFile(join(top, 'small/file'), 'small');
  const site = await open(dir, top, atEnd);
  const alone = await cpuOf(async () => site.wait(await site.addLong()));
  const small = await cpuOf(async () => { for (let i = 0; i < fulls; i++) await site.wait([await site.add('small', 'full')]); });
  const waits: number[] = [];
  let stops = 0;
  const together = await cpuOf(async () => {
    const watching = site.preempt(() => { stops += 1; });
    for (let i = 0; i < fulls; i++) {
      const long = await site.busy();
      await pause(i * 37 % 1000); // they are stopped at all moments
      const jobId = await site.add('small', 'full');
      await site.wait([jobId]);
      if (long) waits.push(await site.waited(jobId));
    }
    await site.idle();
    await watching.stop();
  });
  const extra = (together - small - site.longRounds() * alone) / (site.longRounds() * alone);
  const p99 = [...waits].sort((a, b) => a - b)[Math.ceil(waits.length * 0.99) - 1] ?? NaN;
  say(`${waits.length} fulls waited at most ${seconds(p99)} (p99), ${stops} stops, extra work ${(extra * 100).toFixed(1)} %`);
  return {
    name: 'preemption',
    data: `${fulls} small fulls; two basepaths of ${files / 2} files of ${FILE_BYTES / 1000} kB, compressed with xz:6`,
    how: 'two workers of one slot each, both with a long job of the incrementals\' class when the full is enqueued; extra: processor time of all, less that of the same fulls and the same long jobs by themselves',
    rows: [
      { what: 'a full waits for its slot, p99', product: seconds(p99), baseline: '-', measured: seconds(p99), runs: `${waits.length} waits`, target: `< ${seconds(LIMIT_MS)}`, met: p99 < LIMIT_MS },
      { what: 'extra work', product: seconds(together), baseline: seconds(together / (1 + extra)), measured: `${(extra * 100).toFixed(1)} %`, runs: `${stops} stops`, target: `< ${LIMIT_EXTRA * 100} %`, met: extra < LIMIT_EXTRA },
    ],
    phases: [],
    steps: [],
    notes: ['A small full is preempted for twice: to be planned and saved, and to be sealed once it is in long-term storage.'],
  };
}

async function makeLong(top: string, files: number): Promise<void> {
  for (const name of ['long-1', 'long-2']) {
    await mkdir(join(top, name), { recursive: true });
    for (let i = 0; i < files / 2; i++) await writeFile(join(top, name, `file-${i}`), randomBytes(FILE_BYTES));
  }
}

async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = cpuTime();
  await work();
  const { nodeMs, childrenMs } = cpuSince(before);
  return nodeMs + childrenMs;
}

interface Site {
  readonly add: (name: string, priorityClass: PriorityClass) => Promise<string>;
  readonly addLong: () => Promise<string[]>;
  readonly wait: (jobIds: readonly string[]) => Promise<void>;
  /** Resolves when both slots work on long jobs, which are added again when they have ended. */
  readonly busy: () => Promise<boolean>;
  /** Resolves when the long jobs have ended. */
  readonly idle: () => Promise<void>;
  /** Times that both long jobs were added since they were measured alone. */
  readonly longRounds: () => number;
  /** From being added to its start, ms. */
  readonly waited: (jobId: string) => Promise<number>;
  readonly preempt: (onStop: () => void) => { readonly stop: () => Promise<void> };
}

async function open(dir: string, top: string, atEnd: CaseOptions['atEnd']): Promise<Site> {
  const settings = { worker: { slots: 1, transferSlots: 2, incrementalSlots: '0%' }, dar: { sliceSize: '1GiB', compression: 'xz:6' } };
  const { config } = await loadConfig({ file: await writeSiteConfig({ dir: join(dir, 'site'), top, settings }), env: {}, flags: {} });
  const server = await startEmbeddedRedis(config);
  atEnd(() => server.stop());
  const workers: LocalWorker[] = [];
  for (const host of HOSTS) workers.push(await startOn(config, host, join(dir, `staging-${host}`)));
  atEnd(async () => { for (const worker of workers) await worker.close(); });
  return siteOf(config, top, workers[0] as LocalWorker);
}

async function startOn(config: Config, host: string, staging: string): Promise<LocalWorker> {
  await mkdir(staging, { mode: 0o700 });
  const logger = createLogger({ level: 'error', format: 'json', host, component: 'bench' });
  return startLocalWorker({ ...config, host, staging: { ...config.staging, dir: staging } }, logger, 'worker');
}

function siteOf(config: Config, top: string, worker: LocalWorker): Site {
  const { queues, runs } = worker.context;
  const add = async (name: string, priorityClass: PriorityClass): Promise<string> => {
    const path = bytePath.fromText(join(top, name));
    const request = { basepathId: name, topdir: top, path, level: 'full', priorityClass, policyHash: config.policyHash, reason: 'bench', acceptSource: false } as const;
    return (await enqueueBackup(queues, request, Date.now())).jobId;
  };
  const addLong = async (): Promise<string[]> => [await add('long-1', 'incremental'), await add('long-2', 'incremental')];
  const wait = async (jobIds: readonly string[]): Promise<void> => {
    await watchJobs(queues, workerConnection(config), new Set(jobIds), ({ jobId, state, reason }) => { if (state === 'failed') throw new Error(`${jobId}: ${reason ?? ''}`); });
  };
  const long: { ids: string[]; rounds: number } = { ids: [], rounds: 0 };
  const ended = async (id: string): Promise<boolean> => ['completed', 'failed', 'unknown'].includes(await queues.backup.getJobState(id));
  const addIfEnded = async (): Promise<void> => {
    if (!(await Promise.all(long.ids.map(ended))).every(Boolean)) return;
    long.ids = await addLong();
    long.rounds += 1;
  };
  const bothLong = async (): Promise<boolean> => {
    const active = await queues.backup.getActive();
    return active.filter((job) => job.name === 'shard' && (job.data as { priorityClass: string }).priorityClass === 'incremental').length === HOSTS.length;
  };
  return {
    add,
    addLong,
    wait,
    busy: async () => {
      for (let i = 0; i < 300; i++) {
        await addIfEnded();
        if (await bothLong()) return true;
        await pause(10);
      }
      return false; // one of them has ended: this full does not wait
    },
    idle: () => wait(long.ids),
    longRounds: () => long.rounds,
    waited: async (jobId) => {
      const job = await queues.backup.getJob(jobId);
      const started = await runs.read(jobId.slice(jobId.indexOf('.') + 1));
      return Date.parse(started?.startedAt ?? '') - (job?.timestamp ?? NaN);
    },
    preempt: (onStop) => {
      const watch = new WaitingWatch({ queues, runs, maxPerBackup: 1_000_000 });
      const state = { stopped: false };
      const loop = async (): Promise<void> => {
        while (!state.stopped) {
          (await watch.look()).forEach(onStop);
          await pause(LOOK_EVERY_MS);
        }
      };
      const running = loop();
      return { stop: async () => { state.stopped = true; await running; } };
    },
  };
}
