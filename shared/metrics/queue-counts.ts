import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { PREFIX } from '../queues/names.js';
import { classPriorities, SCORE_OF_PRIORITY, type PriorityClass } from '../queues/priorities.js';
import type { Sample } from './instruments.js';
import type { LabelsOf } from './metrics-table.js';

/** What the collector needs of a BullMQ queue. */
export type CountedQueue = Pick<Queue, 'name' | 'getJobCounts' | 'getActive'>;

type JobSample = Sample<LabelsOf<'bw_jobs'>>;

/** What a priority class counts as. A differential waits as an incremental: in the queue they are one class. */
const LEVEL_OF_CLASS = {
  restore: 'restore',
  'manual-full': 'full',
  full: 'full',
  'overdue-incremental': 'incremental',
  incremental: 'incremental',
} as const satisfies Record<PriorityClass, string>;

const CLASSES = (Object.entries(LEVEL_OF_CLASS) as [PriorityClass, string][]).map(([name, level]) => ({ level, ...classPriorities(name) }));
/** More active jobs than slots of a large site (28 hosts); those beyond are counted without level. */
const ACTIVE_READ = 500;

/** Jobs of one queue by state and level: three small commands, whatever the length of the queue, plus one per active job. */
export async function countJobs(queue: CountedQueue, redis: Pick<Redis, 'zcount'>): Promise<JobSample[]> {
  const waitingIn = ({ first, last }: (typeof CLASSES)[number]): Promise<number> =>
    redis.zcount(`${PREFIX}:${queue.name}:prioritized`, first * SCORE_OF_PRIORITY, `(${(last + 1) * SCORE_OF_PRIORITY}`);
  const [counts, waiting, active] = await Promise.all([
    queue.getJobCounts(),
    Promise.all(CLASSES.map(waitingIn)),
    queue.getActive(0, ACTIVE_READ - 1),
  ]);
  const byLevel: Record<string, Map<string, number>> = {
    prioritized: sumLevels(CLASSES.map(({ level }, index) => [level, waiting[index] ?? 0])),
    // BullMQ types entries as present, but a job that ended meanwhile leaves a hole.
    active: sumLevels((active as ((typeof active)[number] | undefined)[]).map((job) => [levelAt(job?.priority ?? 0), job === undefined ? 0 : 1])),
  };
  return Object.entries(counts).flatMap(([state, total]) => split(queue.name, state, total, byLevel[state] ?? new Map()));
}

/** Known levels and the rest, so that the sum over `level` is always the count of the state. */
function split(queue: string, state: string, total: number, levels: ReadonlyMap<string, number>): JobSample[] {
  const known = [...levels].filter(([, jobs]) => jobs > 0);
  const rest = total - known.reduce((sum, [, jobs]) => sum + jobs, 0);
  const samples = known.map(([level, value]) => ({ labels: { queue, state, level }, value }));
  // The counts are not one snapshot: a job may start between two of them.
  return [...samples, { labels: { queue, state, level: '' }, value: Math.max(0, rest) }];
}

function sumLevels(entries: readonly (readonly [level: string | undefined, jobs: number])[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [level, jobs] of entries) if (level !== undefined) sums.set(level, (sums.get(level) ?? 0) + jobs);
  return sums;
}

function levelAt(priority: number): string | undefined {
  return CLASSES.find(({ first, last }) => priority >= first && priority <= last)?.level;
}
