import type {
  BasepathOverride, BasepathSchedule, Config, DarConfig, GridftpConfig, HttpConfig, LtsConfig, RetentionConfig, ScheduleConfig, ShardLimits, TopdirConfig, VerifyConfig, WorkerConfig,
} from './config.js';
import { policyHash } from './policy-hash.js';
import type { BasepathSettings, LtsSettings, Settings, SiteSettings, TopdirSettings } from './parse-settings.js';

/** What the host adds to the settings. */
export interface Resolved {
  /** With its password; null = embedded. */
  readonly redisUrl: string | null;
  readonly stagingBudgetBytes: number;
}

/** Settings without problems as the program uses them: units in names, nothing missing. */
export function toConfig({ host, site, topdirs, lts, shardMemory }: Settings, { redisUrl, stagingBudgetBytes }: Resolved): Config {
  const policy = {
    topdirs: topdirs.map((topdir) => toTopdir(topdir, lts.map(({ name }) => present(name)))),
    catalog: { dir: present(site.catalog.dir) },
    lts: lts.map(toLts),
    dar: toDar(site.dar),
    shards: toShards(site.shards),
    limits: site.limits,
    index: { racyWindowMs: site.index.racyWindow },
    restore: site.restore,
    schedule: toSchedule(site.schedule),
    retention: toRetention(site.retention),
    removal: { everyMs: site.removal.every, eraser: site.removal.eraser },
    reconcile: { everyMs: site.reconcile.every },
    verify: toVerify(site.verify),
    preemption: site.preemption,
    deadLetters: { keepStagingMs: site.deadLetters.keepStaging },
  };
  return {
    host,
    ...policy,
    staging: { dir: present(site.staging.dir), budgetBytes: stagingBudgetBytes, restoreShare: site.staging.restoreShare, maxPauseMs: site.staging.maxPause, group: site.staging.group },
    state: site.state,
    redis: { url: redisUrl },
    worker: toWorker(site.worker),
    shardMemoryBytes: shardMemory,
    http: site.http satisfies HttpConfig,
    logging: site.logging,
    policyHash: policyHash(policy),
  };
}

function toTopdir(settings: TopdirSettings, allLts: readonly string[]): TopdirConfig {
  const { path, readFrom, depth, exclude, sentinel, hooks, dar, scan, shards, limits, index, schedule, copies, retention, politeness, basepaths } = settings;
  const lts = settings.lts ?? allLts;
  const own = { path: present(path), lts, copies: { toSeal: copies.toSeal ?? lts.length, missingForMs: copies.missingFor }, readFrom, depth, exclude, sentinel, hooks };
  return {
    ...own,
    dar: toDar(dar),
    scan,
    shards: toShards(shards),
    limits,
    index: { racyWindowMs: index.racyWindow },
    schedule: toSchedule(schedule),
    retention: toRetention(retention),
    politeness: { concurrency: politeness.concurrency, windows: politeness.windows, statLatencyMs: politeness.statLatency, statFactor: politeness.statFactor },
    basepaths: basepaths.map((own) => toBasepath(own, retention.maxRemoveShare)),
  };
}

function toWorker({ bandwidth, stopGrace, ...same }: SiteSettings['worker']): WorkerConfig {
  return { ...same, bandwidthBytesPerSecond: bandwidth, stopGraceMs: stopGrace };
}

function toDar({ sliceSize, compression, catalogueCompression, encryption, excludeXattrs, storeOnly, retryOnChange, inactivityTimeout }: TopdirSettings['dar']): DarConfig {
  const { keyFile, cipher, keyId } = encryption;
  const key = keyFile === null ? null : { keyFile, cipher, keyId: present(keyId) };
  return { sliceBytes: sliceSize, compression, catalogueCompression, encryption: key, excludeXattrs, storeOnly, retryOnChange, inactivityTimeoutMs: inactivityTimeout };
}

function toShards({ maxFiles, maxSize }: TopdirSettings['shards']): ShardLimits {
  return { maxFiles, maxBytes: maxSize };
}

function toSchedule(schedule: TopdirSettings['schedule']): ScheduleConfig {
  const { timezone, startOfDay, startOfHour, events, incrementalGate, maxNewFulls } = schedule;
  const own = { timezone, startOfDay, startOfHour, events, incrementalGate, maxNewFulls: { count: maxNewFulls.count, bytes: maxNewFulls.size } };
  return { ...toBasepathSchedule(schedule), ...own };
}

function toBasepathSchedule({ fullEvery, incrementalEvery, level, maxDifferentialShare, maxChain, pastDue }: BasepathSettings['schedule']): BasepathSchedule {
  return { fullEveryMs: fullEvery, incrementalEveryMs: incrementalEvery, level, maxDifferentialShare, maxChain, pastDueMs: pastDue };
}

function toBasepath({ path, schedule, retention }: BasepathSettings, maxRemoveShare: number): BasepathOverride {
  return { path: present(path).replace(/^(\.\/)+|\/+$/g, ''), schedule: toBasepathSchedule(schedule), retention: toRetention({ ...retention, maxRemoveShare }) };
}

function toRetention({ keepWithin, deletedBasepaths, gracePeriod, ...same }: TopdirSettings['retention']): RetentionConfig {
  return { ...same, keepWithinMs: keepWithin, deletedBasepathsMs: deletedBasepaths, gracePeriodMs: gracePeriod };
}

/** A sample holds one at least, also of 0%. */
const LEAST_PERCENT = 1e-6;

function toVerify({ every, level, sample, recallBytesPerDay, recallObjectsPerDay }: SiteSettings['verify']): VerifyConfig {
  const recallPerDay = recallBytesPerDay === null && recallObjectsPerDay === null ? null : { bytes: recallBytesPerDay ?? Infinity, objects: recallObjectsPerDay ?? Infinity };
  return { everyMs: every, level, samplePercent: Math.max(LEAST_PERCENT, sample * 100), recallPerDay };
}

function toLts({ name, backend, dir, bandwidth, minObject, maxWait, tape, rclone, gridftp, globus }: LtsSettings): LtsConfig {
  const common = { name: present(name), dir: present(dir), bandwidthBytesPerSecond: bandwidth, bundle: minObject === null ? null : { minBytes: minObject, maxWaitMs: maxWait }, tape };
  if (backend === 'rclone') return { ...common, backend, rclone: { remote: present(rclone.remote), configFile: rclone.configFile } };
  if (backend === 'gridftp') return { ...common, backend, gridftp: toGridftp(gridftp) };
  if (backend === 'globus') {
    return { ...common, backend, globus: { ...globus, collection: present(globus.collection), clientId: present(globus.clientId), secretFile: present(globus.secretFile) } };
  }
  return { ...common, backend };
}

const GRIDFTP_PORTS = { ftp: 21, gsiftp: 2811 } as const;

function toGridftp({ url, certFile, keyFile, proxyFile, caDir, subject, user, passwordFile, streams, concurrent }: LtsSettings['gridftp']): GridftpConfig {
  const [scheme = '', host = '', port] = present(url).split(/:\/\/|:|\//);
  const known = scheme === 'ftp' ? 'ftp' : 'gsiftp';
  const server = { scheme: known, host, port: port === undefined || port === '' ? GRIDFTP_PORTS[known] : Number(port) } as const;
  const gsi = { kind: 'gsi', certFile: certFile ?? proxyFile ?? '', keyFile: keyFile ?? proxyFile ?? '', caDir, subject } as const;
  const login = user === null ? { kind: 'anonymous' } as const : { kind: 'password', user, passwordFile: present(passwordFile) } as const;
  return { server, auth: known === 'gsiftp' ? gsi : login, streams, concurrent };
}

/** A required value: its absence was reported before. */
function present<T>(value: T | null): T {
  if (value === null) throw new TypeError('a required configuration value is missing although no problem was reported');
  return value;
}
