import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';

/** A redis-server of a test, on a TCP port with an append-only file, to which things happen. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Of the test's own, for looking and setting. */
  readonly redis: Redis;
  /** SIGKILL, as a crash. */
  kill(): Promise<void>;
  /** Starts it again on what it had, or empty. */
  start(options?: { readonly empty?: boolean }): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export interface RedisServerOptions {
  readonly host?: string;
  /** More settings, as on the command line. */
  readonly settings?: Readonly<Record<string, string>>;
}

export async function startRedisServer(dir: string, { host = '127.0.0.1', settings = {} }: RedisServerOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const all = { port: String(port), bind: host, 'protected-mode': 'no', dir, appendonly: 'yes', save: '', 'maxmemory-policy': 'noeviction', ...settings };
  const state: { child?: ChildProcess } = {};
  const redis = new Redis({ port, host, maxRetriesPerRequest: null, retryStrategy: () => 20, lazyConnect: true });
  redis.on('error', () => undefined); // a test that kills the server expects it
  const start: RedisServer['start'] = async ({ empty = false } = {}) => {
    if (empty) await rm(join(dir, 'appendonlydir'), { recursive: true, force: true });
    state.child = spawn('redis-server', Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]), { stdio: 'ignore' });
    await untilAnswers(host, port);
  };
  const kill = async (): Promise<void> => {
    const child = state.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(async () => {
    redis.disconnect();
    await kill();
  });
  await start();
  return { url: `redis://${host}:${port}`, port, redis, kill, start, freeze: () => { state.child?.kill('SIGSTOP'); }, thaw: () => { state.child?.kill('SIGCONT'); } };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilAnswers(host: string, port: number): Promise<void> {
  for (;;) {
    const redis = new Redis({ host, port, lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    const answered = await redis.connect().then(() => redis.ping()).then(() => true, () => false);
    redis.disconnect();
    if (answered) return;
    await sleep(10);
  }
}
