import { join } from 'node:path';
import type { Config } from '../config/config.js';
import { parseSentinelUrl, sentinelUrlText } from '../config/sentinel-url.js';

export type RedisConfig = Pick<Config, 'redis' | 'state'>;

/** The private server's socket of a host without configured Redis. */
export function embeddedSocket(config: Pick<Config, 'state'>): string {
  return join(config.state.dir, 'redis.sock');
}

/** What to call the server, or the Sentinels that look after it, in messages; never a password. */
export function redisLocation(config: RedisConfig): string {
  if (config.redis.url === null) return embeddedSocket(config);
  if (config.redis.url.startsWith('/')) return config.redis.url;
  const sentinel = parseSentinelUrl(config.redis.url);
  if (sentinel !== null) return sentinelUrlText({ ...sentinel, user: '', password: '', sentinelPassword: '' });
  const url = new URL(config.redis.url);
  url.password = '';
  url.username = '';
  return url.toString();
}
