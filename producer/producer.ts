import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { readBasepaths } from '../shared/basepaths/index.js';
import type { Catalog } from '../shared/catalog/index.js';
import type { Config, EventKind, TopdirConfig } from '../shared/config/config.js';
import { toBwError } from '../shared/errors/bw-error.js';
import { openJournal, writerName } from '../shared/journal/index.js';
import { QueueSet } from '../shared/queues/queue-set.js';
import { isLeft } from '../shared/reconcile/walk.js';
import { RunStore } from '../shared/runs/run-store.js';
import { thoseThatMayStart } from './preemption/may-start.js';
import { LOOK_EVERY_MS, WaitingWatch } from './preemption/watch-waiting.js';
import type { ReconcileParts } from './reconcile/parts.js';
import { reconcileRuns, reconcileSite, type Reconciled } from './reconcile/reconcile.js';
import type { PruneResult } from './retention/apply-prune.js';
import { pruneSite } from './retention/prune-site.js';
import { EventTimes } from './scheduler/event-times.js';
import { closeGates, type ClosedGate } from './scheduler/hook-gate.js';
import { Loop } from './scheduler/loop.js';
import { orderForLts } from './scheduler/order-for-lts.js';
import { orderVerifications } from './scheduler/order-verifications.js';
import { tick, type TickParts, type TopdirReport } from './scheduler/tick.js';

export interface Producer {
  /** One round now, as if it were time for everything. */
  tick(): Promise<TopdirReport[]>;
  /** Removes what retention lets go, orders erasures; start() does it every removal.every. */
  prune(): Promise<PruneResult>;
  /** One round of the reconciler; start() does it every reconcile.every. */
  reconcile(): Promise<Reconciled>;
  /** What it is time for, by schedule.events; start() does it by itself. */
  events(): Promise<TopdirReport[]>;
  /** Runs the after hooks of topdirs whose backups are all through; start() does it by itself. */
  closeGates(): Promise<ClosedGate[]>;
  /** Rounds by schedule.events until close. */
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
  /** ms since the epoch; replaced by tests. */
  readonly now?: () => number;
}

/** A snapshot should not outlive its last backup for long. */
const GATES_EVERY_MS = 60_000;
/** After a round that failed as a whole (Redis away), the next one. */
const FAILED_AGAIN_MS = 60_000;
/** What is ordered at once takes longer; the journal is read each time. */
const VERIFY_EVERY_MS = 900_000;

/** A snapshot that is due waits no longer, nor do seals whose order was lost with Redis. */
const LTS_EVERY_MS = 900_000;

/** After Redis was away, ms. */
const PREEMPTION_AGAIN_MS = 5_000;

/** Records carry the clocks of their writers, which may differ by less than this. */
const JOURNAL_SLACK_MS = 3_600_000;

/** Decides what is due and enqueues it; holds no state of its own: registry from the journal, facts from Redis and catalog. */
export async function openProducer(parts: ProducerParts): Promise<Producer> {
  const { config, logger, redis, catalog } = parts;
  const now = parts.now ?? Date.now;
  const journal = await openJournal(catalog.journalDir, writerName(config.host, process.pid));
  const onLine = (problem: unknown): void => { logger.warn({ problem }, 'journal line not usable'); };
  const registry = await readBasepaths(catalog.journalDir, onLine);
  const queues = new QueueSet(redis, config.removal.eraser);
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, ...(parts.signal === undefined ? [] : [parts.signal])]);
  const onProblem: TickParts['onProblem'] = (error) => { logger.warn({ err: error }, 'manifest not usable'); };
  const tickParts: TickParts = { config, queues, catalog, journal, registry, now, onProblem, signal };
  const reconciling: ReconcileParts = { config, logger, catalog, queues, journal, runs: new RunStore(redis), now: () => new Date(now()) };
  const times = new EventTimes(redis, config.topdirs);
  let readMs = Date.now();
  const refresh = async (): Promise<void> => {
    const sinceMs = readMs - JOURNAL_SLACK_MS;
    readMs = Date.now();
    await registry.refresh(catalog.journalDir, sinceMs, onLine);
  };
  const round = async (eventsOf?: (topdir: TopdirConfig) => readonly EventKind[]): Promise<TopdirReport[]> => {
    const startedMs = now();
    await refresh();
    await reconcileRuns(reconciling);
    const reports = await tick(tickParts, eventsOf);
    if (signal.aborted) return reports;
    for (const report of reports) {
      if (report.error === null) await times.came(report.topdir, report.events, report.gate !== null && report.held > 0, startedMs);
      else times.failed(report.topdir, report.events, now());
      logReport(logger, report);
    }
    return reports;
  };
  const events = async (): Promise<TopdirReport[]> => {
    const due = await times.due(now());
    if ([...due.values()].every((kinds) => kinds.length === 0)) return [];
    return round(({ path }) => due.get(path) ?? []);
  };
  const gates = async (): Promise<ClosedGate[]> => {
    const closed = await closeGates(config, queues, signal);
    if (!signal.aborted) for (const { topdir, error } of closed) if (error !== null) logger.error({ err: error, topdir }, 'after hook failed');
    return closed;
  };
  const prune = (): Promise<PruneResult> => pruneSite({ config, logger, queues, catalog, journal, now });
  const verifications = async (): Promise<void> => {
    for (const { basepathId, backupId, level, samplePercent, reason } of await orderVerifications({ config, queues, catalog, now })) {
      logger.info({ basepathId, backupId, level, samplePercent, reason }, 'verification ordered');
    }
  };
  const reconcile = async (): Promise<Reconciled> => {
    const found = await reconcileSite(reconciling, { dryRun: false, basepaths: 'slice', signal });
    const left = found.findings.filter(isLeft).length;
    if (found.findings.length > 0) logger.info({ repaired: found.findings.length - left, left, problems: found.problems.length }, 'reconciled: bw-bkup reconcile --dry-run shows what is left');
    return found;
  };
  const watch = new WaitingWatch({ queues, runs: new RunStore(redis), maxPerBackup: config.preemption.maxPerBackup, mayStart: (jobs) => thoseThatMayStart(queues, config, jobs) });
  const preemption = async (): Promise<void> => {
    for (const { jobId, priorityClass, share, preemptions } of await watch.look()) logger.info({ jobId, priorityClass, share, preemptions }, 'stopped: a full or a restore needs its slot');
  };
  const failed = (thrown: unknown): void => { logger.error({ err: toBwError(thrown) }, 'a round of the producer failed'); };
  const loops = [
    new Loop(events, () => times.wait(now()), failed, FAILED_AGAIN_MS),
    new Loop(gates, () => GATES_EVERY_MS, failed, GATES_EVERY_MS),
    new Loop(prune, () => config.removal.everyMs, failed, FAILED_AGAIN_MS),
    new Loop(reconcile, () => config.reconcile.everyMs, failed, FAILED_AGAIN_MS),
    new Loop(() => orderForLts({ config, queues, catalog, now }), () => LTS_EVERY_MS, failed, FAILED_AGAIN_MS),
    new Loop(verifications, () => VERIFY_EVERY_MS, failed, VERIFY_EVERY_MS),
    ...(config.preemption.enabled ? [new Loop(preemption, () => LOOK_EVERY_MS, failed, PREEMPTION_AGAIN_MS)] : []),
  ];
  return {
    tick: () => round(),
    events,
    closeGates: gates,
    prune,
    reconcile,
    start: () => { for (const loop of loops) loop.start(); },
    close: async () => {
      ending.abort();
      for (const loop of loops) await loop.close();
      await queues.close();
      await journal.close();
    },
  };
}

function logReport(logger: Logger, report: TopdirReport): void {
  const { topdir, events, found, added, deleted, enqueued, held, gate, pastDue, error } = report;
  const said = { topdir, events, found, added, deleted, enqueued: enqueued.filter((each) => !each.existing).length, held, gate };
  if (error !== null) logger.error({ err: error, topdir }, 'topdir not treated');
  else if (events.includes('scan')) logger.info(said, 'topdir scanned');
  else logger.debug(said, 'topdir looked at');
  for (const { basepathId, level, backupId, reason, existing } of enqueued) if (!existing) logger.info({ topdir, basepathId, level, backupId, reason }, 'backup enqueued');
  for (const { basepathId, lateMs } of pastDue) logger.warn({ topdir, basepathId, lateSeconds: Math.round(lateMs / 1000) }, 'basepath is past due');
}
