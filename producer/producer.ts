import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { readBasepaths } from '../shared/basepaths/index.js';
import type { Catalog } from '../shared/catalog/index.js';
import type { Config } from '../shared/config/config.js';
import { toBwError } from '../shared/errors/bw-error.js';
import { openJournal, writerName } from '../shared/journal/index.js';
import { QueueSet } from '../shared/queues/queue-set.js';
import { RunStore } from '../shared/runs/run-store.js';
import type { PruneResult } from './retention/apply-prune.js';
import { pruneSite } from './retention/prune-site.js';
import { closeGates, type ClosedGate } from './scheduler/hook-gate.js';
import { sweepLost } from './scheduler/sweep-lost.js';
import { sweepRuns } from './scheduler/sweep-runs.js';
import { tick, type TickParts, type TopdirReport } from './scheduler/tick.js';

export interface Producer {
  /** One round now. */
  tick(): Promise<TopdirReport[]>;
  /** Removes what retention lets go, orders erasures; start() does it every removal.every. */
  prune(): Promise<PruneResult>;
  /** Runs the after hooks of topdirs whose backups are all through; start() does it by itself. */
  closeGates(): Promise<ClosedGate[]>;
  /** Rounds by schedule.scanEvery until close. */
  start(): void;
  /** Ends running scans and hooks, then all else. */
  close(): Promise<void>;
}

export interface ProducerParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly redis: Redis;
  readonly catalog: Catalog;
  /** Ends running scans and hooks as close() does. */
  readonly signal?: AbortSignal;
}

/** Longest pause a timer of Node can make, ms. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;
/** A snapshot should not outlive its last backup for long. */
const GATES_EVERY_MS = 60_000;

/** Records carry the clocks of their writers, which may differ by less than this. */
const JOURNAL_SLACK_MS = 3_600_000;

/** Decides what is due and enqueues it; holds no state of its own: registry from the journal, facts from Redis and catalog. */
export async function openProducer(parts: ProducerParts): Promise<Producer> {
  const { config, logger, redis, catalog } = parts;
  const journal = await openJournal(catalog.journalDir, writerName(config.host, process.pid));
  const onProblem = (problem: unknown): void => { logger.warn({ problem }, 'journal line not usable'); };
  const registry = await readBasepaths(catalog.journalDir, onProblem);
  const queues = new QueueSet(redis, config.removal.eraser);
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, ...(parts.signal === undefined ? [] : [parts.signal])]);
  const tickParts: TickParts = { config, queues, journal, registry, now: Date.now, signal };
  let readMs = Date.now();
  const refresh = async (): Promise<void> => {
    const sinceMs = readMs - JOURNAL_SLACK_MS;
    readMs = Date.now();
    await registry.refresh(catalog.journalDir, sinceMs, onProblem);
  };
  const round = async (): Promise<TopdirReport[]> => {
    const sweeping = { runs: new RunStore(redis), queues, journal, catalog, now: () => new Date() };
    await refresh();
    await sweepRuns(sweeping);
    await sweepLost(sweeping);
    const reports = await tick(tickParts);
    if (!signal.aborted) for (const report of reports) logReport(logger, report);
    return reports;
  };
  const gates = async (): Promise<ClosedGate[]> => {
    const closed = await closeGates(config, queues, signal);
    if (!signal.aborted) for (const { topdir, error } of closed) if (error !== null) logger.error({ err: error, topdir }, 'after hook failed');
    return closed;
  };
  const prune = (): Promise<PruneResult> => pruneSite({ config, logger, queues, catalog, journal, now: Date.now });
  const scanEveryMs = Math.min(...config.topdirs.map((topdir) => topdir.schedule.scanEveryMs));
  const loops = [new Loop(round, scanEveryMs, logger), new Loop(gates, GATES_EVERY_MS, logger), new Loop(prune, config.removal.everyMs, logger)];
  return {
    tick: round,
    closeGates: gates,
    prune,
    start: () => { for (const loop of loops) loop.start(); },
    close: async () => {
      ending.abort();
      for (const loop of loops) await loop.close();
      await queues.close();
      await journal.close();
    },
  };
}

/** One round after the other, never two at once. */
class Loop {
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    readonly round: () => Promise<unknown>,
    readonly everyMs: number,
    readonly logger: Logger,
  ) {}

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.round();
    } catch (thrown) {
      // Redis away, catalog not mounted: said once per round, tried again at the next.
      this.logger.error({ err: toBwError(thrown) }, 'a round of the producer failed');
    }
    if (this.#closed) return;
    this.#timer = setTimeout(() => { this.start(); }, Math.min(this.everyMs, LONGEST_PAUSE_MS));
  }
}

function logReport(logger: Logger, report: TopdirReport): void {
  const { topdir, found, added, deleted, enqueued, error } = report;
  if (error !== null) logger.error({ err: error, topdir }, 'topdir not treated');
  else logger.info({ topdir, found, added, deleted, enqueued: enqueued.filter((each) => !each.existing).length }, 'topdir scanned');
}
