import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Config } from '../../../shared/config/config.js';
import { probePath } from '../../../shared/config/facts.js';
import type { Sources } from '../../../shared/config/parse-settings.js';
import { lookAtSource } from '../../../shared/config/source-fact.js';
import { assertDarSupports, probeDar } from '../../../shared/dar/capabilities.js';
import { Presence } from '../../../shared/hosts/presence.js';
import { probeMount } from '../../../shared/hosts/probe-mount.js';
import { isHeard, type Heard } from '../../../shared/hosts/silence.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { topdirRoot } from '../../../shared/paths/basepath-root.js';
import { run } from '../../../shared/process/index.js';
import { checkRedis, unreachable } from '../../../shared/redis/check-server.js';
import { COMMAND_TIMEOUT_MS, commandConnection, connectInTime, embeddedSocket, redisLocation } from '../../../shared/redis/connect.js';
import { answers } from '../../../shared/redis/embedded.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { Area, Finding } from './finding.js';
import { ok } from './finding.js';
import { judgeClock, judgeDirectory, judgeHosts, judgeRedis, judgeSecret, judgeTopdir, judgeTrip, type DirectoryFacts, type RedisFacts } from './judge.js';
import { roundTrip } from './round-trip.js';

/** One thing to look at. A check that hangs holds up no other one. */
export interface Check {
  readonly area: Area;
  readonly subject: string;
  readonly timeoutMs: number;
  /** Throws what it meets, which is a failure too. Stops, as far as it can, when told to. */
  readonly look: (signal: AbortSignal) => Promise<Finding>;
}

/** A look at a mount or a server; a healthy one answers in milliseconds. */
const LOOK_MS = 20_000;
/** 100 kB there and back, with a recall from the disk cache of a tape system; a service that queues takes minutes. */
const TRIP_MS = 120_000;
const ASYNC_TRIP_MS = 900_000;

export function ltsChecks(config: Pick<Config, 'staging' | 'host'>, backends: readonly TransferBackend[]): Check[] {
  return backends.map((backend) => ({
    area: 'lts',
    subject: backend.name,
    timeoutMs: backend.capabilities().async ? ASYNC_TRIP_MS : TRIP_MS,
    look: async (signal) => judgeTrip(await roundTrip(backend, { dir: join(config.staging.dir, config.host), group: config.staging.group }, signal)),
  }));
}

/** Everything of this host, and what Redis knows of the others. */
export function hostChecks(config: Config, sources: Sources, redis: Promise<Redis | null>): Check[] {
  const look = { timeoutMs: LOOK_MS };
  return [
    { ...look, area: 'dar', subject: 'dar', look: () => lookAtDar(config) },
    { ...look, area: 'redis', subject: redisLocation(config), look: async () => lookAtRedis(await redis, redisLocation(config)) },
    { ...look, area: 'hosts', subject: 'workers', look: async () => lookAtHosts(await redis) },
    { ...look, area: 'clock', subject: config.host, look: async () => lookAtClock(await redis) },
    ...directoriesOf(config).map(({ path, role }): Check => ({ ...look, area: 'directory', subject: `${role} ${path}`, look: () => lookAtDirectory(path, role) })),
    ...config.topdirs.map((topdir): Check => ({ ...look, area: 'topdir', subject: topdir.path, look: () => lookAtTopdir(topdirRoot(topdir), topdir.sentinel) })),
    ...secretsOf(sources).map(({ key, path }): Check => ({ ...look, area: 'secret', subject: `${key} ${path}`, look: async () => judgeSecret(await probePath(path, 'secret'), path) })),
  ];
}

async function lookAtDar(config: Pick<Config, 'topdirs'>): Promise<Finding> {
  const dar = await probeDar();
  for (const topdir of config.topdirs) assertDarSupports(dar, topdir.dar);
  return ok(`version ${dar.version}, has what the configuration asks for`);
}

/** null: the embedded one, which does not run now. Throws REDIS_*. */
export async function openRedis(config: Config): Promise<Redis | null> {
  if (config.redis.url === null && !(await answers(embeddedSocket(config)))) return null;
  const redis = commandConnection(config);
  redis.on('error', () => undefined); // each check reports its own failure
  await connectInTime(redis, COMMAND_TIMEOUT_MS).catch((thrown: unknown) => {
    redis.disconnect();
    throw unreachable(redisLocation(config), thrown);
  });
  return redis;
}

const NOT_RUNNING = ok('the embedded one, not running now: `bw-bkup standalone` or a command that works starts it');
const ALONE = ok('nothing to compare with: this host works alone, and no standalone runs now');
const PINGS = 5;

async function lookAtRedis(redis: Redis | null, where: string): Promise<Finding> {
  if (redis === null) return NOT_RUNNING;
  const { version } = await checkRedis(redis, where);
  let latencyMs = 0;
  for (let i = 0; i < PINGS; i += 1) {
    const startedAt = performance.now();
    await redis.ping();
    latencyMs = Math.max(latencyMs, performance.now() - startedAt);
  }
  return judgeRedis(redisFacts(await redis.info(), version, latencyMs));
}

function redisFacts(info: string, version: string, latencyMs: number): RedisFacts {
  const fields = new Map(info.split(/\r?\n/).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
  return {
    version,
    aof: fields.get('aof_enabled') === '1',
    aofOk: (fields.get('aof_last_write_status') ?? 'ok') === 'ok',
    policy: fields.get('maxmemory_policy') ?? 'policy unknown',
    latencyMs,
    usedBytes: Number(fields.get('used_memory') ?? 0),
    maxBytes: Number(fields.get('maxmemory') ?? 0),
  };
}

async function lookAtHosts(redis: Redis | null): Promise<Finding> {
  if (redis === null) return ALONE;
  const heard = await new Presence(redis).heard();
  return judgeHosts(heard, (host) => isHeard(host, heard));
}

/** The middle of the question is taken for the moment of the answer. */
async function lookAtClock(redis: Redis | null): Promise<Finding> {
  if (redis === null) return ALONE;
  const before = Date.now();
  const [seconds, micros] = await redis.time();
  const after = Date.now();
  return judgeClock((before + after) / 2 - (Number(seconds) * 1000 + Number(micros) / 1000), (after - before) / 2);
}

/** A beat tells what the clock of its host was; it arrives within this. */
const BEAT_UNCERTAIN_MS = 500;

/** The clocks of other hosts, as their last beats told them. Throws what Redis does. */
export async function clockChecks(config: Pick<Config, 'host'>, redis: Redis | null): Promise<Check[]> {
  const heard: Heard = redis === null ? { nowMs: 0, listeningSinceMs: 0, processes: [] } : await new Presence(redis).heard();
  const newest = new Map<string, { seenMs: number; clockMs: number }>();
  for (const { process: { host }, seenMs, clockMs, left } of heard.processes) {
    if (host === config.host || left === true || clockMs === undefined || !isHeard(host, heard) || (newest.get(host)?.seenMs ?? 0) > seenMs) continue;
    newest.set(host, { seenMs, clockMs });
  }
  return [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([host, { seenMs, clockMs }]) => ({
    area: 'clock', subject: host, timeoutMs: LOOK_MS, look: () => Promise.resolve(judgeClock(clockMs - seenMs, BEAT_UNCERTAIN_MS)),
  }));
}

function directoriesOf({ staging, catalog, state, restore }: Config): Pick<DirectoryFacts, 'path' | 'role'>[] {
  return [
    { role: 'staging', path: staging.dir },
    { role: 'catalog', path: catalog.dir },
    { role: 'state', path: state.dir },
    ...restore.allowedTargets.map((path) => ({ role: 'restore target' as const, path })),
  ];
}

async function lookAtDirectory(path: string, role: DirectoryFacts['role']): Promise<Finding> {
  const fact = await probePath(path, role === 'catalog' ? 'catalog' : 'write');
  const room = fact.kind === 'directory' ? await statfs(path).catch(() => null) : null; // no room known is an answer
  const size = room === null ? { freeBytes: null, sizeBytes: null } : { freeBytes: room.bavail * room.bsize, sizeBytes: room.blocks * room.bsize };
  return judgeDirectory({ ...fact, path, role, filesystem: await filesystemOf(path), ...size });
}

async function lookAtTopdir(root: string, sentinel: string | null): Promise<Finding> {
  const [fact, isAnswering, seen] = await Promise.all([
    lookAtSource(root, LOOK_MS / 2),
    probeMount(bytePath.fromText(root), LOOK_MS / 2),
    sentinel === null ? null : lookAtSource(join(root, sentinel), LOOK_MS / 2),
  ]);
  const found = sentinel === null || seen === null ? null : { path: sentinel, isThere: seen.kind !== 'missing' && seen.kind !== 'unreachable' };
  return judgeTopdir({ ...fact, answers: isAnswering, sentinel: found, filesystem: fact.kind === 'directory' ? await filesystemOf(root) : '' });
}

/** As `stat -f` names it, such as `lustre`, `nfs`, `ext2/ext3`; by a program, which may hang instead of us. */
async function filesystemOf(path: string): Promise<string> {
  const answer = await run({ program: 'stat', args: ['-f', '--printf', '%T', '--', path] }, { timeoutMs: LOOK_MS / 4, okCodes: [0, 1] }).catch(() => null);
  return answer?.stdout.toString('utf8') || 'filesystem unknown';
}

const SECRET_KEY = /(?:^|\.)(?:key|url|password|token|config|secret)File$/;

/** Every configured file that holds a secret, each once. */
function secretsOf(sources: Sources): { key: string; path: string }[] {
  const found = Object.entries(sources).filter(([key, { value }]) => SECRET_KEY.test(key) && value.startsWith('/')).map(([key, { value }]) => ({ key, path: value }));
  return found.filter(({ path }, index) => found.findIndex((other) => other.path === path) === index);
}
