/**
 * Lua: `now`, ms since the epoch by the clock of Redis. Those of the hosts differ, and may jump. A script may write after it (Redis 5 and later send what a script did
 * to replicas and append-only file, not the script).
 */
export const REDIS_NOW = `local time = redis.call('TIME'); local now = time[1] * 1000 + math.floor(time[2] / 1000)`;
