import type { Job } from 'bullmq';
import { ulid } from 'ulid';
import { sendOrders, type Order } from '../../shared/orders/order.js';
import { PREEMPTING_KEY, PREFIX, preemptionKey, QUEUES } from '../../shared/queues/names.js';
import { PREEMPTING_PRIORITIES, SCORE_OF_PRIORITY, type PriorityClass } from '../../shared/queues/priorities.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import type { RunStore } from '../../shared/runs/run-store.js';
import { activeJobs, runIdOf, type ActiveJob } from './active-jobs.js';
import { chooseVictims, type Running, type Waiting } from './choose-victims.js';
import { isOutOfReach, readHosts, type HostsNow } from './out-of-reach.js';

export interface PreemptionParts {
  readonly queues: QueueSet;
  readonly runs: RunStore;
  readonly maxPerBackup: number;
  /** For one that a worker would park, nobody gives way. Default: all may start. */
  readonly mayStart?: (jobs: readonly Job[]) => Promise<readonly Job[]>;
}

/** As long as an archive may take to close; then somebody is chosen again, should the order have been lost. A claim is of one start of a job: the next one is not protected by it. */
const CLAIM_MS = 300_000;
/** More waiting ones than could be served at once. */
const WAITING_READ = 100;

/** One who decides holds this lock for some milliseconds; should it die meanwhile, others wait so long. */
const DECIDING_MS = 2_000;

/** Ids of jobs that wait and would preempt, the first in order. */
export async function waitingIds({ queues }: Pick<PreemptionParts, 'queues'>): Promise<string[]> {
  const key = `${PREFIX}:${QUEUES.backup}:prioritized`;
  const ranges = PREEMPTING_PRIORITIES.map(({ first, last }) => queues.redis.zrange(key, first * SCORE_OF_PRIORITY, `(${(last + 1) * SCORE_OF_PRIORITY}`, 'BYSCORE', 'LIMIT', 0, WAITING_READ));
  return (await Promise.all(ranges)).flat();
}

/**
 * Stops what has to give way to these jobs, if they still wait. One decides at a time, whose victims the next one sees; each is claimed before too, so that whatever
 * happens, a start is stopped once. Returns the victims; none while somebody else decides.
 */
export async function preempt(parts: PreemptionParts, jobIds: readonly string[]): Promise<Running[]> {
  const { redis } = parts.queues;
  const mine = ulid();
  if ((await redis.set(PREEMPTING_KEY, mine, 'PX', DECIDING_MS, 'NX')) !== 'OK') return [];
  try {
    return await decide(parts, jobIds);
  } finally {
    if ((await redis.get(PREEMPTING_KEY)) === mine) await redis.del(PREEMPTING_KEY);
  }
}

async function decide(parts: PreemptionParts, jobIds: readonly string[]): Promise<Running[]> {
  const waited = await readWaiting(parts, await stillWaiting(parts, jobIds));
  if (waited.size === 0 || (await parts.queues.backup.isPaused())) return [];
  const active = await readRunning(parts);
  const waiting = (await stillWaiting(parts, [...waited.keys()])).flatMap((id) => waited.get(id) ?? []); // after who runs was read: one that got a slot meanwhile needs no other
  const chosen: Running[] = [];
  for (const victim of chooseVictims(waiting, active.map(({ running }) => running), parts)) {
    const start = active.find(({ running }) => running.jobId === victim.jobId)?.start ?? 0;
    if (!(await claim(parts, victim, start))) continue;
    await parts.runs.countPreemption(victim.runId);
    await sendOrders(parts.queues.redis, [stopOrder(victim.jobId, 'preempted')]);
    chosen.push(victim);
  }
  return chosen;
}

async function stillWaiting(parts: PreemptionParts, jobIds: readonly string[]): Promise<string[]> {
  const waiting = new Set(await waitingIds(parts));
  return jobIds.filter((id) => waiting.has(id));
}

export function stopOrder(jobId: string, reason: Extract<Order, { kind: 'stop' }>['reason']): Order {
  return { kind: 'stop', queue: QUEUES.backup, jobId, reason };
}

async function claim({ queues }: PreemptionParts, { jobId }: Running, start: number): Promise<boolean> {
  return (await queues.redis.set(preemptionKey(jobId, start), '1', 'PX', CLAIM_MS, 'NX')) === 'OK';
}

interface JobFacts {
  readonly priorityClass?: PriorityClass;
  readonly shard?: number;
}

/** By job id. */
async function readWaiting({ queues, mayStart }: PreemptionParts, ids: readonly string[]): Promise<Map<string, Waiting>> {
  const found = await Promise.all(ids.map((id) => queues.backup.getJob(id)));
  const jobs = found.filter((job) => job !== undefined);
  return new Map((mayStart === undefined ? jobs : await mayStart(jobs)).flatMap((job) => {
    const runId = runIdOf(job);
    return runId === undefined ? [] : [[String(job.id), { runId, priorityClass: classOf(job) }]];
  }));
}

async function readRunning(parts: PreemptionParts): Promise<{ running: Running; start: number }[]> {
  const [jobs, hosts] = await Promise.all([activeJobs(parts.queues), readHosts(parts.queues)]);
  const read = await Promise.all(jobs.map((active) => describe(parts, active, hosts)));
  return read.filter((each) => each !== null);
}

async function describe({ queues, runs }: PreemptionParts, active: ActiveJob, hosts: HostsNow): Promise<{ running: Running; start: number } | null> {
  const { job, jobId, runId } = active;
  if (runId === undefined) return null;
  const { shard } = job.data as JobFacts;
  const [done, preemptions, claimed, run] = await Promise.all([
    runs.partDone(runId, `shard-${shard ?? 0}`),
    runs.preemptions(runId),
    queues.redis.exists(preemptionKey(jobId, job.attemptsStarted)),
    runs.read(runId),
  ]);
  const kind = job.name === 'shard' ? 'shard' : job.name === 'backup' && run?.phase === 'planning' ? 'scan' : 'other';
  const running: Running = {
    jobId,
    runId,
    priorityClass: classOf(job),
    kind,
    outOfReach: isOutOfReach(active, hosts),
    ...done,
    startedMs: job.processedOn ?? 0,
    stopping: claimed === 1,
    preemptions,
  };
  return { running, start: job.attemptsStarted };
}

/** Restores carry no class: nothing goes before them. */
function classOf(job: Job): PriorityClass {
  return (job.data as JobFacts).priorityClass ?? 'restore';
}
