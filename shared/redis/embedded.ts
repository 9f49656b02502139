import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Config } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { startGuarded, type GuardedChild } from '../process/index.js';
import { embeddedSocket } from './connect.js';

/** Loading a big append-only file takes time; beyond this something is wrong. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 10;

export interface EmbeddedRedis {
  readonly socket: string;
  /** Ends the server; its append-only file stays for the next start. */
  stop(): Promise<void>;
}

/**
 * Starts a private redis-server: unix socket only, append-only file beside it, no eviction. It ends with
 * this process (guardian). Throws REDIS_SERVER_MISSING, STANDALONE_RUNNING, REDIS_START_FAILED.
 */
export async function startEmbeddedRedis(config: Pick<Config, 'state'>): Promise<EmbeddedRedis> {
  const socket = embeddedSocket(config);
  if (await answers(socket)) throw alreadyRunning(socket);
  const dir = join(config.state.dir, 'redis');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await rm(socket, { force: true });
  const logFile = join(dir, 'redis.log');
  const command = { program: 'redis-server', args: serverArgs(socket, dir, logFile) };
  const child = await startGuarded(command, { logFile, stagingDir: config.state.dir }).catch(missing);
  await waitUntilReady(socket, child, logFile);
  return { socket, stop: () => stop(child) };
}

function serverArgs(socket: string, dir: string, logFile: string): string[] {
  const settings: Record<string, string> = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir,
    logfile: logFile,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function waitUntilReady(socket: string, child: GuardedChild, logFile: string): Promise<void> {
  const end = { reached: false };
  void child.exited.then(() => {
    end.reached = true;
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await answers(socket))) {
    if (end.reached || performance.now() > deadline) {
      child.kill();
      throw startFailed(logFile, end.reached);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** True when a server on the socket answers PING. */
export async function answers(socket: string): Promise<boolean> {
  const redis = new Redis({ path: socket, lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on('error', () => undefined); // a refused connection is the answer "no"
  try {
    await redis.connect();
    await redis.ping();
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

async function stop(child: GuardedChild): Promise<void> {
  child.terminate();
  await child.exited;
}

function missing(thrown: unknown): never {
  if (!(thrown instanceof BwError) || thrown.code !== 'PROGRAM_NOT_FOUND') throw thrown;
  throw new BwError('REDIS_SERVER_MISSING', {
    message: 'redis-server is not installed and no redis.url is configured',
    retry: 'operator',
    hint: 'Run deploy/setup.sh (apt-get install redis-server), or set redis.url to a site server.',
    cause: thrown,
  });
}

function alreadyRunning(socket: string): BwError {
  return new BwError('STANDALONE_RUNNING', {
    message: 'another standalone bw-bkup is running with this state directory',
    subject: socket,
    retry: 'operator',
    hint: 'Use it (commands find it by the same configuration), or stop it first.',
  });
}

function startFailed(logFile: string, ended: boolean): BwError {
  return new BwError('REDIS_START_FAILED', {
    message: ended ? 'the embedded redis-server ended at once' : 'the embedded redis-server does not get ready',
    subject: logFile,
    retry: 'operator',
    hint: `Read ${logFile}; a damaged append-only file is mended by redis-check-aof --fix.`,
  });
}
