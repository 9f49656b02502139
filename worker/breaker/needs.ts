import type { Resource } from '../../shared/breaker/breaker.js';
import type { CopyGoal } from '../../shared/copies/enough.js';
import type { BwError } from '../../shared/errors/bw-error.js';
import { suspectOutage } from '../../shared/errors/outages.js';
import { laneAt } from '../../shared/queues/priorities.js';

/** A job as the queue has it. */
export interface NeedyJob {
  readonly name: string;
  readonly priority: number;
  readonly data: { readonly topdir?: unknown; readonly consolidates?: unknown; readonly lts?: unknown };
}

/** Where jobs of a worker find what they need. */
export interface Surroundings {
  readonly host: string;
  /** Names of all LTS. */
  readonly lts: readonly string[];
  /** By topdir where its backups go, and how many of these a seal needs; a topdir that is not here needs all. */
  readonly goals?: ReadonlyMap<string, CopyGoal>;
}

export const CATALOG: Resource = { kind: 'catalog', name: 'catalog' };

/** What a job cannot begin without (pure). Restores and verifications begin always: one LTS of several is enough for them. */
export function needsToBegin(job: NeedyJob, surroundings: Surroundings): Resource[] {
  const { host, lts } = surroundings;
  const mount = mountOf(job);
  switch (job.name) {
    case 'backup':
      return isSeal(job) ? [CATALOG, ...neededToSeal(job, surroundings).map(ltsOf)] : [CATALOG, ...(job.data.consolidates === undefined ? mount : [])];
    case 'shard':
      return [CATALOG, { kind: 'staging', name: host }, ...mount];
    case 'bundle-metadata':
    case 'snapshot':
    case 'sweep-bundles':
      return [CATALOG];
    case 'sweep-backup':
    case 'erase':
      return [CATALOG, ...lts.map(ltsOf)];
    case 'refresh-kit':
      return [CATALOG];
    case 'copy':
      return [CATALOG, ...(typeof job.data.lts === 'string' ? [ltsOf(job.data.lts)] : [])];
    default:
      return [];
  }
}

/** LTS without any of which the backup cannot seal: none where fewer than all are enough; the seal itself counts who is there. */
function neededToSeal(job: NeedyJob, surroundings: Surroundings): readonly string[] {
  const { lts, toSeal } = goalOfJob(job, surroundings);
  return toSeal < lts.length ? [] : lts;
}

function goalOfJob({ data: { topdir } }: NeedyJob, { lts, goals }: Surroundings): CopyGoal {
  return (typeof topdir === 'string' ? goals?.get(topdir) : undefined) ?? { lts, toSeal: lts.length };
}

/** An LTS that is out and without which what the job puts into staging cannot leave it, or null (pure). */
export function holdsBack(job: NeedyJob, surroundings: Surroundings, isOut: (resource: Resource) => boolean): Resource | null {
  if (!fillsStaging(job)) return null;
  const { lts, toSeal } = goalOfJob(job, surroundings);
  const out = lts.map(ltsOf).filter(isOut);
  return lts.length - out.length < toSeal ? (out[0] ?? null) : null;
}

/** Whether it fills staging: while an LTS is out, none is begun above the high water (pure). */
export function fillsStaging(job: NeedyJob): boolean {
  return job.name === 'shard' || (job.name === 'backup' && !isSeal(job));
}

/** What may be out, when a job failed like that (pure). */
export function suspectsOf(error: BwError, job: NeedyJob, { host, lts }: Surroundings): Resource[] {
  return suspectOutage(error).kinds.flatMap((kind): Resource[] => {
    switch (kind) {
      case 'lts':
        return (error.lts === undefined ? lts : [error.lts]).map(ltsOf);
      case 'mount':
        return mountOf(job);
      case 'catalog':
        return [CATALOG];
      case 'staging':
        return [{ kind, name: host }];
    }
  });
}

export function ltsOf(name: string): Resource {
  return { kind: 'lts', name };
}

function mountOf({ data: { topdir } }: NeedyJob): Resource[] {
  return typeof topdir === 'string' ? [{ kind: 'mount', name: topdir }] : [];
}

function isSeal({ priority }: NeedyJob): boolean {
  return laneAt(priority)?.seal === priority;
}
