import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { label, type Resource } from '../shared/breaker/breaker.js';
import { RedisBreakers } from '../shared/breaker/breaker-store.js';
import { summarise } from '../shared/catalog/status.js';
import type { Catalog } from '../shared/catalog/index.js';
import type { Config } from '../shared/config/config.js';
import { CopyTally, tallied, type LtsCopies } from '../shared/copies/copy-tally.js';
import { startHttpServer, type Check, type HttpServer } from '../shared/http/index.js';
import { Presence } from '../shared/hosts/presence.js';
import { readJournal } from '../shared/journal/index.js';
import type { BasepathAge, Metrics, TaskFigures } from '../shared/metrics/index.js';
import { readStanding } from '../shared/hosts/read-standing.js';
import { countParked } from '../shared/limits/places.js';
import { readLastRound } from '../shared/reconcile/last-round.js';
import type { QueueSet } from '../shared/queues/queue-set.js';
import { figuresOf } from '../shared/tasks/figures.js';
import { Outbox } from '../shared/tasks/outbox.js';
import { readOutboxes } from '../shared/tasks/read-outboxes.js';
import { TaskStore } from '../shared/tasks/task-store.js';
import { TopdirRestores } from '../shared/topdir-restore/store.js';
import { createBackends } from '../shared/transfer/create-backend.js';
import { loadOrCreateToken, mountBoard } from './api/index.js';
import { lateOf } from './policy/past-due.js';

export interface ProducerHttpParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly catalog: Catalog;
  readonly queues: QueueSet;
  readonly redis: Redis;
  /** More readiness checks (standalone: the worker's). */
  readonly ready?: Readonly<Record<string, Check>>;
}

/** Health, metrics of the site (queues, ages) and the board on one port; null when the configuration has none. */
export async function startProducerHttp(parts: ProducerHttpParts): Promise<HttpServer | null> {
  const { config, logger, metrics, catalog, queues, redis } = parts;
  if (config.http.producerPort === null) return null;
  const shown = [queues.backup, queues.transfer(config.host), queues.cleanup, queues.cleanupOf(config.host), queues.copies];
  metrics.collectQueues(shown, queues.redis);
  metrics.collectParked(() => countParked(queues.redis, config.topdirs.map(({ path }) => path)));
  metrics.collectReconciled(() => readLastRound(queues.redis));
  metrics.collectTopdirRestores(() => new TopdirRestores(queues.redis).all());
  metrics.collectOutages(() => outages(parts));
  const asynchronous = createBackends(config).filter((backend) => backend.capabilities().async).map(({ name }) => name);
  metrics.collectTasks(() => readTaskFigures(queues.redis, asynchronous));
  metrics.collectHangs(config.topdirs.map(({ path }) => path), () => readStanding(queues));
  const copies: CopiesSeen = { rows: null };
  metrics.collectAges(() => ages(parts, copies));
  metrics.collectCopies(() => copies.rows);
  const token = await loadOrCreateToken({ tokenFile: config.http.tokenFile, stateDir: config.state.dir });
  return startHttpServer({
    bind: config.http.bind,
    port: config.http.producerPort,
    health: {},
    ready: {
      redis: async () => ({ answer: await redis.ping() }),
      catalog: () => ({ dir: catalog.root }),
      ...parts.ready,
    },
    metrics,
    extend: (app) => { mountBoard(app, { queues: shown, token: token.token, readOnly: config.http.boardReadOnly }); },
    logger,
  });
}

/** Of each LTS and topdir, and whatever else is out. */
async function outages({ config, redis }: ProducerHttpParts): Promise<{ kind: string; name: string; open: boolean }[]> {
  const known: Resource[] = [...config.lts.map(({ name }) => ({ kind: 'lts' as const, name })), ...config.topdirs.map(({ path }) => ({ kind: 'mount' as const, name: path }))];
  const breakers = await new RedisBreakers(redis).all();
  const isOpen = new Map([...known, ...breakers].map(({ kind, name }) => [label({ kind, name }), { kind, name, open: false }]));
  for (const { kind, name, state } of breakers) if (state !== 'closed') isOpen.set(label({ kind, name }), { kind, name, open: true });
  return [...isOpen.values()];
}

/** Of these LTS, and of others that have live tasks all the same. */
export async function readTaskFigures(redis: Redis, lts: readonly string[]): Promise<TaskFigures> {
  const [live, heard] = await Promise.all([new TaskStore(redis).all(), new Presence(redis).heard()]);
  const tasks = figuresOf(live.map(({ task }) => task), lts, heard.nowMs);
  return { tasks, outboxes: await readOutboxes(new Outbox(redis), tasks.map((row) => row.lts), heard), nowMs: heard.nowMs };
}

/** Of the last walk through the catalog: copies are counted on the way, so that it is read once. */
interface CopiesSeen {
  rows: readonly LtsCopies[] | null;
}

async function* ages({ config, catalog, logger }: ProducerHttpParts, copies: CopiesSeen): AsyncGenerator<BasepathAge> {
  const records = readJournal(catalog.journalDir, { onProblem: (problem) => { logger.warn({ problem }, 'journal line not usable'); } });
  const nowMs = Date.now();
  const tally = new CopyTally(config.lts, config.topdirs, nowMs);
  const statuses = await summarise(records, tallied(catalog.listBackups(), tally), nowMs);
  copies.rows = tally.rows;
  for (const status of statuses) {
    if (status.state === 'deleted' || status.topdir === null) continue;
    if (!config.topdirs.some((topdir) => topdir.path === status.topdir)) continue;
    const at = (instant: string | undefined): number | null => (instant === undefined ? null : Date.parse(instant));
    yield {
      topdir: status.topdir,
      basepathId: status.id,
      lastSealedAt: at(status.lastSealed?.capturedAt),
      lastFullAt: at(status.lastFull?.capturedAt),
      pastDue: lateOf(status, config.topdirs, nowMs) !== null,
      lastProvenAt: at(status.lastProven?.at),
      damaged: status.lastVerified?.outcome === 'damaged',
    };
  }
}
