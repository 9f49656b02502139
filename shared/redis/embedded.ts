import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Config } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { continueStrays, findStrays, startGuarded, type GuardedChild } from '../process/index.js';
import { embeddedSocket } from './connect.js';
import { lockState } from './state-lock.js';

/** Loading a big append-only file takes time; beyond this something is wrong. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 10;
/** The server of a process that was killed ends by itself (guardian); writing its last second takes no longer. */
const PREDECESSOR_TIMEOUT_MS = 15_000;

export interface EmbeddedRedis {
  readonly socket: string;
  /** Resolves when the server has ended, asked or not. */
  readonly ended: Promise<void>;
  readonly door: Door;
  /** Ends the server; its append-only file stays for the next start. */
  stop(): Promise<void>;
}

/** Whether other processes find the server. Who is connected stays so. */
export interface Door {
  shut(): Promise<void>;
  open(): Promise<void>;
}

/**
 * Starts a private redis-server: unix socket only, append-only file beside it, no eviction. It ends with
 * this process (guardian). Throws REDIS_SERVER_MISSING, STANDALONE_RUNNING, REDIS_START_FAILED.
 */
export async function startEmbeddedRedis(config: Pick<Config, 'state'>): Promise<EmbeddedRedis> {
  const socket = embeddedSocket(config);
  await mkdir(serverDir(config.state.dir), { recursive: true, mode: 0o700 });
  const lock = await lockState(config.state.dir);
  if (lock === null) throw alreadyRunning(socket);
  try {
    await waitForPredecessor(config.state.dir, socket);
    const child = await startServer(config.state.dir, socket);
    const stop = async (): Promise<void> => {
      child.terminate();
      await child.exited;
      await rm(hidden(socket), { force: true });
      await lock.release();
    };
    const door: Door = { shut: () => rename(socket, hidden(socket)), open: () => rename(hidden(socket), socket) };
    return { socket, door, ended: child.exited.then(() => undefined), stop };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

function hidden(socket: string): string {
  return `${socket}.shut`;
}

function serverDir(stateDir: string): string {
  return join(stateDir, 'redis');
}

/** Two servers on one append-only file would ruin it. */
async function waitForPredecessor(stateDir: string, socket: string): Promise<void> {
  const deadline = performance.now() + PREDECESSOR_TIMEOUT_MS;
  while ((await answers(socket)) || (await findStrays(stateDir)).length > 0) {
    if (performance.now() > deadline) throw alreadyRunning(socket);
    await continueStrays(stateDir);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function startServer(stateDir: string, socket: string): Promise<GuardedChild> {
  const dir = serverDir(stateDir);
  await rm(socket, { force: true });
  const logFile = join(dir, 'redis.log');
  const command = { program: 'redis-server', args: serverArgs(socket, dir, logFile) };
  const child = await startGuarded(command, { logFile, stagingDir: stateDir }).catch(missing);
  await waitUntilReady(socket, child, logFile);
  return child;
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
  // Without its own ready check, which waits a whole second when it meets a server that is loading for some milliseconds.
  const redis = new Redis({ path: socket, lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null, maxRetriesPerRequest: 0, disconnectTimeout: 50 });
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
