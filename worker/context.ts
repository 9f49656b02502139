import type { Logger } from 'pino';
import type { Catalog } from '../shared/catalog/catalog.js';
import type { Config, TopdirConfig } from '../shared/config/config.js';
import type { DarCapabilities } from '../shared/dar/index.js';
import { BwError } from '../shared/errors/bw-error.js';
import type { Presence } from '../shared/hosts/presence.js';
import type { FindSlots } from '../shared/index/find-slots.js';
import type { Journal } from '../shared/journal/journal.js';
import type { Metrics } from '../shared/metrics/metrics.js';
import type { QueueSet } from '../shared/queues/queue-set.js';
import type { ItemStore } from '../shared/runs/item-store.js';
import type { RunStore } from '../shared/runs/run-store.js';
import type { TransferBackend } from '../shared/transfer/backend.js';
import type { Breakers } from './breaker/breakers.js';
import type { Gate } from './politeness/gate.js';
import type { LiveLimits } from './politeness/live-limits.js';
import type { Sources } from './politeness/sources.js';
import type { Staging } from './staging/staging.js';
import type { HostStanding } from './supervise/standing.js';

/** What every job of a worker works with; made once at start. */
export interface WorkerContext {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly queues: QueueSet;
  /** Which workers are there. */
  readonly presence: Presence;
  readonly runs: RunStore;
  readonly items: ItemStore;
  readonly catalog: Catalog;
  readonly journal: Journal;
  /** One per configured LTS, in the order of the configuration. */
  readonly backends: readonly TransferBackend[];
  readonly staging: Staging;
  /** Scans of this host share them. */
  readonly finds: FindSlots;
  /** As they are in force now. */
  readonly limits: LiveLimits;
  readonly gate: Gate;
  /** What is out, and who waits for that. */
  readonly breakers: Breakers;
  readonly sources: Sources;
  /** What follows from what hung. */
  readonly standing: HostStanding;
  readonly dar: DarCapabilities;
  readonly now: () => Date;
}

/**
 * The topdir a job names, from this host's own configuration: a job never makes a worker read anything
 * outside configured topdirs (invariant 11). Throws TOPDIR_UNKNOWN.
 */
export function configuredTopdir(config: Config, path: string): TopdirConfig {
  const topdir = config.topdirs.find((candidate) => candidate.path === path);
  if (topdir !== undefined) return topdir;
  throw new BwError('TOPDIR_UNKNOWN', {
    message: 'the job names a topdir that this worker is not configured for',
    subject: path,
    retry: 'permanent',
    hint: 'Give this host the same site policy as the producer, or remove the job.',
  });
}
