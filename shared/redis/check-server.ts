import type { Redis } from 'ioredis';
import { BwError, toBwError } from '../errors/bw-error.js';

/** Oldest server BullMQ 6 does not warn about. */
const OLDEST = [6, 2] as const;

/**
 * Start-up check of the server behind a connection: reachable, new enough, and never evicting keys
 * (any other policy may delete locks and jobs).
 * Throws REDIS_UNREACHABLE, REDIS_TOO_OLD, REDIS_EVICTS.
 */
export async function checkRedis(redis: Redis, where: string): Promise<{ version: string }> {
  const info = await redis.info().catch((thrown: unknown) => {
    throw unreachable(where, thrown);
  });
  const version = field(info, 'redis_version') ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) throw tooOld(where, version);
  const policy = field(info, 'maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') throw evicts(where, policy);
  return { version };
}

function field(info: string, name: string): string | undefined {
  return info.split(/\r?\n/).find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1);
}

export function unreachable(where: string, cause: unknown): BwError {
  const { code, message, retry, hint } = toBwError(cause);
  if (code.startsWith('REDIS_')) return new BwError(code, { message, subject: where, retry, hint, cause });
  return new BwError('REDIS_UNREACHABLE', {
    message: `Redis does not answer: ${toBwError(cause).message}`,
    subject: where,
    retry: 'retry',
    hint: 'Start Redis (or `bw-bkup standalone`), check redis.url and the network; running backups go on meanwhile.',
    cause,
  });
}

function tooOld(where: string, version: string): BwError {
  return new BwError('REDIS_TOO_OLD', {
    message: `Redis ${version} is older than ${OLDEST.join('.')}`,
    subject: where,
    retry: 'operator',
    hint: 'Upgrade the server, or leave redis.url out to use the embedded one.',
  });
}

function evicts(where: string, policy: string): BwError {
  return new BwError('REDIS_EVICTS', {
    message: `Redis may delete jobs and locks when memory is short (maxmemory-policy ${policy})`,
    subject: where,
    retry: 'operator',
    hint: 'Set `maxmemory-policy noeviction` in redis.conf, or `CONFIG SET maxmemory-policy noeviction`.',
  });
}
