import type { LtsCopies } from '../copies/copy-tally.js';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Redis } from 'ioredis';
import type { BwError } from '../errors/bw-error.js';
import type { ParkedBasepath, Standing } from '../hosts/judge-hangs.js';
import type { ParkedCount } from '../limits/places.js';
import type { LastRound } from '../reconcile/last-round.js';
import type { TopdirRestore } from '../topdir-restore/store.js';
import { publishAges, summarizeAges, type BasepathAges } from './ages.js';
import { Collector } from './collector.js';
import { Instruments } from './instruments.js';
import { DEFAULT_METRICS_PREFIX } from './metrics-table.js';
import { countJobs, type CountedQueue } from './queue-counts.js';
import { Recorders } from './recorders.js';
import { publishTasks, TASK_GAUGES, type TaskFigures } from './tasks.js';

export interface MetricsOptions {
  /** Labels of every sample. */
  readonly host: string;
  readonly component: string;
  readonly version?: string;
  /** A scrape waits this long for each source, all at once; below Prometheus' own 10 s. Default 1000. */
  readonly collectTimeoutMs?: number;
  /** Told why a source gave nothing, at every scrape that misses it. */
  readonly onCollectorError?: (collector: string, error: BwError) => void;
  /** Milliseconds since the epoch; injected by tests. */
  readonly now?: () => number;
}

const COLLECT_TIMEOUT_MS = 1_000;
/** Reading every basepath may take longer than a scrape waits; ages a few minutes old still tell the truth. */
const AGES_KEEP_MS = 600_000;

export interface StagingUse {
  readonly usedBytes: number;
  readonly budgetBytes: number;
  readonly pausedDars: number;
  /** In all, ms. */
  readonly pausedMs: number;
}

/**
 * The metrics of one process, in a registry of its own. Callers record in the words of the product
 * (see Recorders) and register sources that are asked at every scrape.
 */
export class Metrics extends Recorders {
  readonly #registry: Registry;
  readonly #instruments: Instruments;
  readonly #options: MetricsOptions;
  readonly #collectors: Collector[] = [];

  constructor(options: MetricsOptions) {
    const registry = new Registry();
    registry.setDefaultLabels({ host: options.host, component: options.component });
    const instruments = new Instruments(registry);
    super(instruments);
    this.#registry = registry;
    this.#instruments = instruments;
    this.#options = options;
    collectDefaultMetrics({ register: registry, prefix: DEFAULT_METRICS_PREFIX });
    const labels = { version: options.version ?? 'unknown', node: process.versions.node };
    instruments.replace('bw_build_info', [{ labels, value: 1 }]);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of /metrics. A source that fails or hangs costs its own values only. */
  async render(): Promise<string> {
    const states = await Promise.all(
      this.#collectors.map(async (collector) => ({ collector: collector.name, up: await collector.refresh() })),
    );
    const samples = states.map(({ collector, up }) => ({ labels: { collector }, value: Number(up) }));
    this.#instruments.replace('bw_collector_up', samples);
    const queues = states.find(({ collector }) => collector === 'queues');
    if (queues !== undefined) this.#instruments.replace('bw_redis_up', [{ labels: {}, value: Number(queues.up) }]);
    return this.#registry.metrics();
  }

  /**
   * Counts jobs at every scrape. Pass a function where queues are opened later. One process per site does
   * this (the producer), else the same jobs are counted twice.
   */
  collectQueues(queues: readonly CountedQueue[] | (() => readonly CountedQueue[]), redis: Pick<Redis, 'zcount'>): void {
    const list = typeof queues === 'function' ? queues : () => queues;
    this.#collect('queues', 0, ['bw_jobs'], async () => {
      const samples = await Promise.all(list().map((queue) => countJobs(queue, redis)));
      this.#instruments.replace('bw_jobs', samples.flat());
    });
  }

  /** Counts parked jobs at every scrape; one process per site. */
  collectParked(count: () => Promise<readonly ParkedCount[]>): void {
    this.#collect('parked', 0, ['bw_parked_jobs'], async () => {
      const samples = (await count()).map(({ topdir, reason, jobs }) => ({ labels: { topdir, reason }, value: jobs }));
      this.#instruments.replace('bw_parked_jobs', samples);
    });
  }

  /** Asks what the last round of the reconciler found, at every scrape; one process per site. */
  collectReconciled(read: () => Promise<LastRound | null>): void {
    this.#collect('reconciled', 0, ['bw_reconcile_findings', 'bw_reconcile_age_seconds'], async () => {
      const round = await read();
      const samples = (['repaired', 'left'] as const).flatMap((state) => Object.entries(round?.[state] ?? {}).map(([kind, value]) => ({ labels: { kind, state }, value })));
      this.#instruments.replace('bw_reconcile_findings', samples);
      this.#instruments.replace('bw_reconcile_age_seconds', round === null ? [] : [{ labels: {}, value: Math.max(0, this.#now() - Date.parse(round.at)) / 1000 }]);
    });
  }

  /** Asks at every scrape how far restores of whole topdirs are; one process per site. */
  collectTopdirRestores(read: () => Promise<readonly TopdirRestore[]>): void {
    this.#collect('topdir-restores', 0, ['bw_topdir_restore_basepaths', 'bw_topdir_restore_bytes', 'bw_topdir_restore_left_seconds'], async () => {
      const restores = await read();
      const states = restores.flatMap(({ topdir, target, basepaths, withoutBackup, done, failed, running }) => {
        const counts = { restored: done, failed, running: Object.keys(running).length };
        const left = Math.max(0, basepaths - withoutBackup - counts.restored - counts.failed - counts.running);
        return Object.entries({ ...counts, left }).map(([state, value]) => ({ labels: { topdir, target, state }, value }));
      });
      const bytes = restores.flatMap(({ topdir, target, sourceBytes, doneBytes }) => {
        const [all, restored] = [Number(sourceBytes), Number(doneBytes)];
        return Object.entries({ restored, left: Math.max(0, all - restored) }).map(([state, value]) => ({ labels: { topdir, target, state }, value }));
      });
      this.#instruments.replace('bw_topdir_restore_basepaths', states);
      this.#instruments.replace('bw_topdir_restore_bytes', bytes);
      this.#instruments.replace('bw_topdir_restore_left_seconds', restores.flatMap(({ topdir, target, etaMs }) => (etaMs === null ? [] : [{ labels: { topdir, target }, value: etaMs / 1000 }])));
    });
  }

  /** Asks at every scrape what copies are missing; one process per site. Null: not known yet. */
  collectCopies(read: () => readonly LtsCopies[] | null): void {
    this.#collect('copies', 0, ['bw_copies_missing', 'bw_copies_missing_bytes', 'bw_copies_overdue', 'bw_copy_missing_age_seconds'], () => {
      const rows = read() ?? [];
      const each = (value: (row: LtsCopies) => number): { labels: { lts: string }; value: number }[] => rows.map((row) => ({ labels: { lts: row.lts }, value: value(row) }));
      this.#instruments.replace('bw_copies_missing', each(({ missing }) => missing));
      this.#instruments.replace('bw_copies_missing_bytes', each(({ missingBytes }) => Number(missingBytes)));
      this.#instruments.replace('bw_copies_overdue', each(({ overdue }) => overdue));
      this.#instruments.replace('bw_copy_missing_age_seconds', each(({ oldest }) => (oldest === null ? 0 : Math.max(0, this.#now() - Date.parse(oldest.sealedAt)) / 1000)));
      return Promise.resolve();
    });
  }

  /** Asks at every scrape what is out; one process per site. */
  collectOutages(outages: () => Promise<readonly { readonly kind: string; readonly name: string; readonly open: boolean }[]>): void {
    this.#collect('outages', 0, ['bw_breaker_open'], async () => {
      const samples = (await outages()).map(({ kind, name, open }) => ({ labels: { kind, name }, value: Number(open) }));
      this.#instruments.replace('bw_breaker_open', samples);
    });
  }

  /** Asks at every scrape what is under way to asynchronous LTS, and what waits for that; one process per site. */
  collectTasks(read: () => Promise<TaskFigures>): void {
    this.#collect('tasks', 0, TASK_GAUGES, async () => { publishTasks(this.#instruments, await read()); });
  }

  /** Counts what follows from hangs at every scrape; one process per site. `topdirs`: all of them. */
  collectHangs(topdirs: readonly string[], read: () => Promise<Standing & { readonly parked: readonly ParkedBasepath[] }>): void {
    this.#collect('hangs', 0, ['bw_suspected_hosts', 'bw_topdir_incident', 'bw_basepaths_parked'], async () => {
      const { aside, incidents, parked } = await read();
      const ofEach = (value: (topdir: string) => number) => topdirs.map((topdir) => ({ labels: { topdir }, value: value(topdir) }));
      this.#instruments.replace('bw_suspected_hosts', [{ labels: {}, value: aside.length }]);
      this.#instruments.replace('bw_topdir_incident', ofEach((topdir) => Number(incidents.includes(topdir))));
      this.#instruments.replace('bw_basepaths_parked', ofEach((topdir) => parked.filter((each) => each.topdir === topdir).length));
    });
  }

  /** Asks for this host's staging account at every scrape. */
  collectStaging(use: () => StagingUse | Promise<StagingUse>): void {
    let countedMs = 0;
    this.#collect('staging', 0, ['bw_staging_used_bytes', 'bw_staging_budget_bytes', 'bw_staging_paused_dars'], async () => {
      const { usedBytes, budgetBytes, pausedDars, pausedMs } = await use();
      this.#instruments.replace('bw_staging_used_bytes', [{ labels: {}, value: usedBytes }]);
      this.#instruments.replace('bw_staging_budget_bytes', [{ labels: {}, value: budgetBytes }]);
      this.#instruments.replace('bw_staging_paused_dars', [{ labels: {}, value: pausedDars }]);
      this.#instruments.add('bw_staging_paused_seconds_total', {}, (pausedMs - countedMs) / 1000);
      countedMs = pausedMs;
    });
  }

  /**
   * Asks for all basepaths at every scrape (streamed; one process per site). perBasepath adds one series
   * per basepath: thousands of them on a large site, hence off.
   */
  collectAges(ages: () => BasepathAges | Promise<BasepathAges>, options: { readonly perBasepath?: boolean } = {}): void {
    const publish = async (): Promise<void> => {
      const summary = await summarizeAges(await ages(), options.perBasepath ?? false);
      publishAges(this.#instruments, summary, this.#now());
    };
    const clear = (): void => {
      publishAges(this.#instruments, { topdirs: new Map(), basepaths: [] }, this.#now());
    };
    this.#add('ages', AGES_KEEP_MS, clear, publish);
  }

  #collect(name: string, keepMs: number, gauges: readonly Parameters<Instruments['replace']>[0][], collect: () => Promise<void>): void {
    const clear = (): void => {
      for (const gauge of gauges) this.#instruments.replace(gauge, []);
    };
    this.#add(name, keepMs, clear, collect);
  }

  #add(name: string, keepMs: number, clear: () => void, collect: () => Promise<void>): void {
    if (this.#collectors.some((collector) => collector.name === name)) throw new TypeError(`${name} are collected already`);
    const timeoutMs = this.#options.collectTimeoutMs ?? COLLECT_TIMEOUT_MS;
    const onError = this.#options.onCollectorError ?? ((): void => undefined);
    this.#collectors.push(new Collector({ name, collect, clear, keepMs, timeoutMs, now: () => this.#now(), onError }));
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

/** The metrics of this process; several may live side by side (tests, standalone). */
export function createMetrics(options: MetricsOptions): Metrics {
  return new Metrics(options);
}
