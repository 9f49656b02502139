import type { Resource } from '../../shared/breaker/breaker.js';
import type { BwError } from '../../shared/errors/bw-error.js';
import { suspectOutage } from '../../shared/errors/outages.js';
import { laneAt } from '../../shared/queues/priorities.js';

/** A job as the queue has it. */
export interface NeedyJob {
  readonly name: string;
  readonly priority: number;
  readonly data: { readonly topdir?: unknown; readonly consolidates?: unknown };
}

/** Where jobs of a worker find what they need. */
export interface Surroundings {
  readonly host: string;
  /** Names of all LTS. */
  readonly lts: readonly string[];
}

export const CATALOG: Resource = { kind: 'catalog', name: 'catalog' };

/** What a job cannot begin without (pure). Restores and verifications begin always: one LTS of several is enough for them. */
export function needsToBegin(job: NeedyJob, { host, lts }: Surroundings): Resource[] {
  const mount = mountOf(job);
  switch (job.name) {
    case 'backup':
      return isSeal(job) ? [CATALOG, ...lts.map(ltsOf)] : [CATALOG, ...(job.data.consolidates === undefined ? mount : [])];
    case 'shard':
      return [CATALOG, { kind: 'staging', name: host }, ...mount];
    case 'sweep-backup':
    case 'erase':
    case 'refresh-kit':
      return [CATALOG, ...lts.map(ltsOf)];
    default:
      return [];
  }
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
