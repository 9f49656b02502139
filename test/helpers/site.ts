import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { startLocalWorker, type LocalWorker } from '../../bin/start-local.js';
import { openProducer, type Producer } from '../../producer/producer.js';
import { watchJobs, type Ended } from '../../producer/scheduler/watch-jobs.js';
import { openCatalog, type Catalog, type Manifest } from '../../shared/catalog/index.js';
import type { Config } from '../../shared/config/config.js';
import { loadConfig } from '../../shared/config/load-config.js';
import { createLogger } from '../../shared/logging/index.js';
import { TIMING, type QueueTiming } from '../../shared/queues/options.js';
import { workerConnection } from '../../shared/redis/connect.js';
import { startEmbeddedRedis } from '../../shared/redis/embedded.js';
import { createMetrics } from '../../shared/metrics/index.js';
import { BW_BKUP_VERSION } from '../../shared/version.js';
import { startContext } from '../../worker/start-context.js';
import { workspace } from './workspace.js';

/** A whole site in a temporary directory: topdir, staging, catalog, LTS, an embedded Redis (unless settings name another), producer and worker. */
export interface TestSite {
  readonly dir: string;
  readonly topdir: string;
  readonly configFile: string;
  readonly config: Config;
  readonly catalog: Catalog;
  readonly worker: LocalWorker;
  readonly producer: Producer;
  /** One round, waiting until everything it enqueued has ended. */
  backUp(): Promise<Ended[]>;
  /** Waits for jobs of the backup queue. */
  waitFor(jobIds: readonly string[]): Promise<Ended[]>;
  manifests(): Promise<Manifest[]>;
  /** Another worker of the same site under another host name, with a staging directory of its own. */
  addWorker(host: string): Promise<LocalWorker>;
}

export interface SiteOptions {
  /** Merged over the defaults, in the keys of the configuration file. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly topdir?: Readonly<Record<string, unknown>>;
  /** Makes what settings need in the site's directory, and returns more settings. */
  readonly prepare?: (dir: string) => Promise<Readonly<Record<string, unknown>>>;
  /** Start no worker: `site.worker` only has the context of one. */
  readonly noWorker?: boolean;
  /** The producer's clock, ms since the epoch; workers have the real one. */
  readonly now?: () => number;
  /** Default: FAST_RETRIES. */
  readonly timing?: QueueTiming;
}

/** As in production, but a failed job comes again at once. */
export const FAST_RETRIES: QueueTiming = { ...TIMING, firstBackoffMs: 20, maxBackoffMs: 50 };

export async function testSite(options: SiteOptions = {}): Promise<TestSite> {
  const dir = await workspace();
  const at = (name: string): string => join(dir, name);
  for (const name of ['top', 'staging', 'catalog', 'lts', 'state', 'restore']) await mkdir(at(name), { mode: 0o700 });
  const settings = {
    host: 'here',
    topdirs: [{ path: at('top'), ...options.topdir }],
    staging: { dir: at('staging'), budget: '2GiB' },
    catalog: { dir: at('catalog') },
    state: { dir: at('state') },
    lts: [{ name: 'lts', backend: 'posix', dir: at('lts') }],
    dar: { sliceSize: '64MiB' },
    restore: { allowedTargets: [at('restore')] },
    http: { producerPort: null, workerPort: null },
    logging: { level: 'error', format: 'json' },
    deadLetters: { keepStaging: '1ms' },
    ...options.settings,
    ...(await options.prepare?.(dir)),
  };
  const configFile = at('bw-bkup.yaml');
  await writeFile(configFile, stringify(settings));
  const { config } = await loadConfig({ file: configFile, env: {}, flags: {} });
  if (config.redis.url === null) {
    const redis = await startEmbeddedRedis(config);
    onTestFinished(() => redis.stop());
  }
  return assemble(dir, configFile, config, options);
}

async function assemble(dir: string, configFile: string, config: Config, options: SiteOptions): Promise<TestSite> {
  const logger = testLogger();
  const catalog = await openCatalog(config.catalog.dir);
  const connection = workerConnection(config);
  await connection.connect();
  onTestFinished(() => { connection.disconnect(); });
  const start = async (forConfig: Config): Promise<LocalWorker> => {
    const worker = await startLocalWorker(forConfig, logger, 'worker', options.timing ?? FAST_RETRIES);
    onTestFinished(() => worker.close());
    return worker;
  };
  const worker = options.noWorker === true ? await startObserver(config, logger) : await start(config);
  const producer = await openProducer({ config, logger, redis: connection, catalog, ...(options.now === undefined ? {} : { now: options.now }) });
  onTestFinished(() => producer.close());
  const waitFor = async (jobIds: readonly string[]): Promise<Ended[]> => {
    const ended: Ended[] = [];
    await watchJobs(worker.context.queues, workerConnection(config), new Set(jobIds), (each) => ended.push(each));
    return ended;
  };
  return {
    dir,
    topdir: join(dir, 'top'),
    configFile,
    config,
    catalog,
    worker,
    producer,
    waitFor,
    backUp: async () => {
      const reports = await producer.tick();
      const errors = reports.flatMap((report) => (report.error === null ? [] : [report.error]));
      if (errors[0] !== undefined) throw errors[0];
      return waitFor(reports.flatMap((report) => report.enqueued.map((each) => each.jobId)));
    },
    manifests: async () => {
      const manifests: Manifest[] = [];
      for await (const listed of catalog.listBackups()) {
        if (!listed.ok) throw listed.error;
        manifests.push(listed.manifest);
      }
      return manifests;
    },
    addWorker: async (host) => {
      const staging = join(dir, `staging-${host}`);
      await mkdir(staging, { recursive: true, mode: 0o700 }); // a restarted one finds what it staged
      return start({ ...config, host, staging: { ...config.staging, dir: staging } });
    },
  };
}

/** What a worker works with, and no worker: jobs wait for those that the test starts. */
async function startObserver(config: Config, logger: Logger): Promise<LocalWorker> {
  const metrics = createMetrics({ host: 'observer', component: 'worker', version: BW_BKUP_VERSION });
  const redis = workerConnection(config);
  await redis.connect();
  const context = await startContext({ ...config, host: 'observer' }, logger, metrics, redis);
  const close = async (): Promise<void> => {
    await context.queues.close();
    await context.journal.close();
    redis.disconnect();
  };
  onTestFinished(close);
  return { context, metrics, isRunning: () => false, settled: () => Promise.resolve(), close, hurry: () => undefined };
}

/** BW_TEST_LOG=debug shows what the product logs while a test runs. */
function testLogger(): Logger {
  const level = process.env.BW_TEST_LOG;
  const logger = createLogger({ level: 'trace', format: 'json', host: 'here', component: 'test' });
  logger.level = level ?? 'silent';
  return logger;
}
