import type { BwErrorFields } from './bw-error.js';

interface KnownCause extends Pick<BwErrorFields, 'message' | 'retry' | 'hint'> {
  readonly code: string;
}

const AWAY_HINT = 'Start Redis (or `bw-bkup standalone`), check redis.url and the network; running backups go on meanwhile.';

/** What Redis, or its client, says when it cannot be worked with: the first that fits counts. Redis 6 wraps what a script met, hence no anchors. */
const REDIS: readonly (readonly [pattern: RegExp, cause: KnownCause])[] = [
  [/\bOOM command not allowed\b/, {
    code: 'REDIS_FULL',
    message: 'Redis is full: it takes nothing new',
    retry: 'retry',
    hint: 'Raise maxmemory (`CONFIG SET maxmemory`), or give the server more room; workers wait for it and go on by themselves.',
  }],
  [/\b(?:WRONGPASS|NOAUTH|NOPERM)\b/, {
    code: 'REDIS_REFUSED',
    message: 'Redis refuses us: user, password or their permissions are wrong',
    retry: 'operator',
    hint: 'Check redis.url, redis.urlFile or redis.passwordFile (Sentinels: sentinelPassword of the URL) against `ACL LIST` of the server.',
  }],
  [/^All sentinels are unreachable/, {
    code: 'REDIS_UNREACHABLE',
    message: 'no Sentinel answers, or none knows a master of this name',
    retry: 'retry',
    hint: 'Check redis.url against `redis-cli -h HOST -p 26379 SENTINEL masters`, and start the Sentinels; running backups go on meanwhile.',
  }],
  [/\bLOADING\b/, { code: 'REDIS_UNREACHABLE', message: 'Redis is still loading its data', retry: 'retry', hint: 'Wait until it has: `redis-cli info persistence` tells how far it is.' }],
  [/^Command timed out$/, { code: 'REDIS_UNREACHABLE', message: 'Redis does not answer in time', retry: 'retry', hint: AWAY_HINT }],
  [/^(?:Connection is closed\.|Reached the max retries per request limit|Stream isn't writeable|Socket timeout)/, { code: 'REDIS_UNREACHABLE', message: 'Redis is not there', retry: 'retry', hint: AWAY_HINT }],
];

/** What an error of a library means, where that is known. */
export function knownCause({ message }: Error): KnownCause | null {
  return REDIS.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}
