import { access, chmod, constants, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Breaker } from '../shared/breaker/breaker.js';
import { RedisBreakers } from '../shared/breaker/breaker-store.js';
import { openSiteCatalog } from '../shared/catalog/open-site-catalog.js';
import type { Config } from '../shared/config/config.js';
import { assertDarSupports, hideGnupgFromDar, probeDar } from '../shared/dar/index.js';
import { BwError, toBwError } from '../shared/errors/bw-error.js';
import { shareDirectory } from '../shared/files/share.js';
import { removeTried } from '../shared/files/try-writing.js';
import { Presence } from '../shared/hosts/presence.js';
import { FindSlots } from '../shared/index/find-slots.js';
import { openJournal, writerName } from '../shared/journal/index.js';
import type { Metrics } from '../shared/metrics/index.js';
import { continueStrays, setNiceness, useLauncher } from '../shared/process/index.js';
import { Places } from '../shared/limits/places.js';
import { QueueSet } from '../shared/queues/queue-set.js';
import { checkRedis } from '../shared/redis/check-server.js';
import { redisLocation } from '../shared/redis/connect.js';
import { ItemStore } from '../shared/runs/item-store.js';
import { RunStore } from '../shared/runs/run-store.js';
import type { TransferBackend } from '../shared/transfer/backend.js';
import { createBackends } from '../shared/transfer/create-backend.js';
import { setBandwidth } from '../shared/transfer/bandwidth.js';
import { Breakers, type BreakersParts } from './breaker/breakers.js';
import { probesOf } from './breaker/probes.js';
import type { WorkerContext } from './context.js';
import { reconcileStaging } from './jobs/cleanup/reconcile-staging-job.js';
import { giveUpKept, type KeptParts } from './staging/give-up-kept.js';
import { Gate, type GateParts } from './politeness/gate.js';
import { LiveLimits } from './politeness/live-limits.js';
import { Sources } from './politeness/sources.js';
import { StagingAccount } from './staging/account.js';
import { Staging } from './staging/staging.js';
import { HostStanding } from './supervise/standing.js';

/**
 * Start-up checks of a worker, then what its jobs work with: dar and what it can do, directories, Redis, every LTS, strays
 * of a predecessor. Throws DAR_*, REDIS_*, DIRECTORY_NOT_WRITABLE, LTS_*.
 */
export async function startContext(config: Config, logger: Logger, metrics: Metrics, redis: Redis): Promise<WorkerContext> {
  useLauncher();
  await hideGnupgFromDar(join(config.state.dir, 'dar-path'));
  const dar = await probeDar();
  for (const policy of [config.dar, ...config.topdirs.map((topdir) => topdir.dar)]) assertDarSupports(dar, policy);
  await checkOwn(config.staging.dir, logger, config.staging.group);
  await checkOwn(config.catalog.dir, logger);
  const { version } = await checkRedis(redis, redisLocation(config));
  const backends = createBackends(config);
  await checkLts(config, backends, await new RedisBreakers(redis).all(), logger);
  await continueStrays(config.staging.dir);
  const account = new StagingAccount({ ...config.staging, host: config.host, logger });
  await account.open();
  const staging = new Staging(config.staging.dir, config.host, account, config.staging.group);
  await staging.holdStrays();
  const catalog = await openSiteCatalog(config);
  const queues = new QueueSet(redis, config.removal.eraser);
  const runs = new RunStore(redis);
  const keeping = { runs, staging, logger, now };
  logger.info({ dar: dar.version, redis: version, slots: config.worker.slots }, 'worker ready');
  return {
    config,
    logger,
    metrics,
    queues,
    presence: new Presence(redis),
    runs,
    items: new ItemStore(redis),
    catalog,
    journal: await openJournal(catalog.journalDir, writerName(config.host, process.pid)),
    backends,
    finds: new FindSlots(),
    ...(await startLimits({ config, logger, metrics, queues, now })),
    breakers: breakersOf({ config, logger, metrics, queues, backends, account, isStagingHigh: () => isStagingHigh(keeping) }),
    staging,
    dar,
    now,
  };
}

const now = (): Date => new Date();

/** Of its budget: above this nothing new comes while it cannot leave. */
const HIGH_WATER = 0.8;

/** What dead backups left goes first. */
async function isStagingHigh(parts: KeptParts & Pick<WorkerContext, 'staging'>): Promise<boolean> {
  const { usedBytes, budgetBytes } = await parts.staging.account.state();
  return usedBytes >= budgetBytes * HIGH_WATER && (await giveUpKept(parts)) === 0;
}

type BreakerParts = Pick<WorkerContext, 'config' | 'logger' | 'metrics' | 'queues' | 'backends'> & Pick<BreakersParts, 'isStagingHigh'> & { readonly account: StagingAccount };

function breakersOf({ config, logger, metrics, queues, backends, account, isStagingHigh: isHigh }: BreakerParts): Breakers {
  return new Breakers({
    store: new RedisBreakers(queues.redis),
    surroundings: { host: config.host, lts: backends.map(({ name }) => name), goals: new Map(config.topdirs.map(({ path, lts, copies }) => [path, { lts, toSeal: copies.toSeal }])) },
    probe: probesOf(config, backends, () => account.state()),
    // One that is not delayed any more came back by itself, or was removed.
    wake: async ({ queue, jobId }) => { await (await queues.named(queue).getJob(jobId))?.promote().catch(() => undefined); },
    isStagingHigh: isHigh,
    roomBytes: Math.max(config.dar.sliceBytes, ...config.topdirs.map(({ dar }) => dar.sliceBytes)),
    metrics,
    logger,
    now,
  });
}

/** Limits as they are in force from the first job on, and whoever keeps to them. */
async function startLimits(parts: Omit<GateParts, 'limits' | 'places' | 'standing'>): Promise<Pick<WorkerContext, 'limits' | 'gate' | 'sources' | 'standing'>> {
  const { config, queues } = parts;
  const limits = new LiveLimits({ ...parts, redis: queues.redis });
  const standing = new HostStanding(parts);
  const gate = new Gate({ ...parts, limits, standing, places: new Places(queues.redis) });
  const apply = (): void => {
    setBandwidth(null, limits.get('bandwidth'));
    setNiceness({ nice: limits.get('nice'), ioClass: limits.get('ioClass') });
    for (const { name } of config.lts) setBandwidth(name, limits.get('bandwidth', { lts: name }));
  };
  limits.onChange(apply);
  limits.onChange(() => gate.limitsChanged());
  standing.onChange(() => gate.standingChanged());
  apply();
  await limits.refresh();
  await standing.refresh();
  return { limits, gate, standing, sources: new Sources({ ...parts, limits }) };
}

/** One that is known to be out keeps no worker from starting: there is work that does not need it. */
async function checkLts({ lts }: Config, backends: readonly TransferBackend[], breakers: readonly Breaker[], logger: Logger): Promise<void> {
  for (const [index, backend] of backends.entries()) {
    try {
      const own = lts[index];
      if (own?.backend === 'posix') await checkOwn(own.dir, logger);
      await backend.probe();
    } catch (thrown) {
      if (!breakers.some(({ kind, name, state }) => kind === 'lts' && name === backend.name && state !== 'closed')) throw thrown;
      logger.warn({ err: toBwError(thrown), lts: backend.name }, 'starting without a long-term storage that is out');
    }
  }
}

async function checkOwn(dir: string, logger: Logger, group: number | null = null): Promise<void> {
  await checkWritable(dir);
  await closeToOthers(dir, logger, group);
  const removed = await removeTried(dir, now()).catch((thrown: unknown) => {
    logger.warn({ err: toBwError(thrown), dir }, 'files of killed programs that tried to write here are not removed');
    return 0;
  });
  if (removed > 0) logger.info({ dir, files: removed }, 'files of killed programs that tried to write here are removed');
}

async function checkWritable(dir: string): Promise<void> {
  await access(dir, constants.R_OK | constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw new BwError('DIRECTORY_NOT_WRITABLE', {
      message: 'a directory bw-bkup works in is missing or not writable',
      subject: dir,
      retry: 'operator',
      hint: `mkdir -m 700 ${dir}, mount its filesystem, or give it to the user bw-bkup runs as.`,
      cause,
    });
  });
}

/** Archives hold everybody's files: their directories are for us alone, and for a group that may reach what it is told of. */
async function closeToOthers(dir: string, logger: Logger, group: number | null): Promise<void> {
  const { mode, uid, gid } = await stat(dir);
  if (group === null ? (mode & 0o077) === 0 : gid === group && (mode & 0o077) === 0o010) return;
  if (uid !== process.getuid?.()) {
    logger.warn({ dir, mode: (mode & 0o7777).toString(8) }, 'others may enter this directory and it is not ours to close: chmod 700 it');
    return;
  }
  if (group !== null) {
    await shareDirectory(dir, group, 'reaching');
    return;
  }
  await chmod(dir, 0o700);
  logger.warn({ dir }, 'others could enter this directory: it is 0700 now');
}

/** Removes staging of what is not in flight any more: nothing in it has lasting value. Returns how much was removed. */
export async function sweepStaging(context: WorkerContext): Promise<number> {
  await context.staging.releaseStrays();
  return (await reconcileStaging(context, { dryRun: false })).filter(({ state }) => state === 'repaired').length;
}
