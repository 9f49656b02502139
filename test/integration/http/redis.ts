import { join } from 'node:path';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { startGuarded, type GuardedChild } from '../../../shared/process/index.js';
import { PREFIX } from '../../../shared/queues/names.js';
import { workspace } from '../../helpers/workspace.js';

export interface TestRedis {
  readonly child: GuardedChild;
  readonly redis: Redis;
  /** A queue of the product's prefix, closed when the test ends. */
  readonly queue: (name: string) => Queue;
}

/** A private redis-server on a unix socket, ended with the test. */
export async function startRedis(): Promise<TestRedis> {
  const dir = await workspace();
  const socket = join(dir, 'redis.sock');
  const settings = { port: '0', unixsocket: socket, dir, save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction' };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = await startGuarded({ program: 'redis-server', args }, { logFile: join(dir, 'redis.log'), stagingDir: dir });
  onTestFinished(async () => {
    child.resume();
    child.kill();
    await child.exited;
  });
  const redis = new Redis({ path: socket, maxRetriesPerRequest: null, retryStrategy: () => 20 });
  redis.on('error', () => undefined); // refused until the server listens, and after a test killed it
  onTestFinished(() => {
    redis.disconnect();
  });
  await redis.ping();
  const queue = (name: string): Queue => {
    const opened = new Queue(name, { connection: redis, prefix: PREFIX });
    opened.on('error', () => undefined); // a test that kills the server expects it
    onTestFinished(() => opened.close());
    return opened;
  };
  return { child, redis, queue };
}
