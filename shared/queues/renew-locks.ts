import type { Redis } from 'ioredis';
import { PREFIX } from './names.js';

/** KEYS: stalled. ARGV: prefix of the queue, ms, then job and token of each. PEXPIRE is taken by a server that is full, too, which BullMQ's own SET is not. */
const RENEW = `
local lost = {}
for i = 3, #ARGV, 2 do
  local lock = ARGV[1] .. ARGV[i] .. ':lock'
  if redis.call('GET', lock) == ARGV[i + 1] then
    redis.call('PEXPIRE', lock, ARGV[2])
    redis.call('SREM', KEYS[1], ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost`;

/** Extends BullMQ's locks of running jobs by `ms` from now; resolves with those whose lock is not theirs any more. */
export async function renewLocks(redis: Redis, queue: string, jobIds: readonly string[], tokens: readonly string[], ms: number): Promise<string[]> {
  const key = `${PREFIX}:${queue}:`;
  return (await redis.eval(RENEW, 1, `${key}stalled`, key, ms, ...jobIds.flatMap((id, i) => [id, tokens[i] ?? '']))) as string[];
}
