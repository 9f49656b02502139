import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { QueueTiming } from '../../shared/queues/options.js';
import { STAGING_MARK } from '../../shared/process/strays.js';
import type { TestSite } from '../helpers/site.js';
import { until } from '../integration/bad-input/until.js';
import type { CompiledProduct } from './compiled-product.js';

type LockTiming = Pick<QueueTiming, 'lockDurationMs' | 'lockRenewTimeMs' | 'stalledIntervalMs'>;

/** Jobs whose lock is gone are noticed soon, by who lost it and by who takes them; a lock that is renewed outlives what a busy machine stands still. */
export const QUICK_LOOKS: LockTiming = { lockDurationMs: 30_000, lockRenewTimeMs: 700, stalledIntervalMs: 300 };

/** Of a process that is to lose its lock because it stands still. */
export const SHORT_LOCKS: LockTiming = { lockDurationMs: 5_000, lockRenewTimeMs: 1_000, stalledIntervalMs: 300 };

export interface WorkerProcess {
  readonly pid: number;
  readonly staging: string;
  readonly process: ChildProcess;
  /** Ends it cleanly. */
  close(): Promise<void>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

/** A worker of the site as a process of its own, with a staging directory of its own; ready when it resolves. `prefix`: what runs it in its own process, such as `ip netns exec NAME`. */
export async function startWorkerProcess(product: CompiledProduct, site: TestSite, host: string, timing: QueueTiming, prefix: readonly string[] = []): Promise<WorkerProcess> {
  const staging = join(site.dir, `staging-${host}`);
  await mkdir(staging, { recursive: true, mode: 0o700 });
  const script = join(product.dir, 'test/faults/worker-main.js');
  const [program, ...args] = [...prefix, process.execPath, script, site.configFile, host, staging, JSON.stringify(timing)];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
    await untilNothingRuns(staging);
  });
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited])) as [unknown];
  if (line !== 'ready' || child.pid === undefined) throw new Error('the worker did not start');
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  return { pid: child.pid, staging, process: child, close: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

export interface OwnProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

/** Processes that were started to write to a staging directory: guardians, dar, and what they started. */
export async function processesOf(staging: string): Promise<OwnProcess[]> {
  const found: OwnProcess[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const environ = await readFile(`/proc/${name}/environ`, 'latin1');
      if (!environ.split('\0').some((each) => each.startsWith(`${STAGING_MARK}=${staging}/`))) continue;
      found.push({ pid: Number(name), args: (await readFile(`/proc/${name}/cmdline`, 'latin1')).split('\0') });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Children of a process, and theirs. */
export async function descendantsOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '');
  const own = children.trim().split(' ').filter((each) => each !== '').map(Number);
  return (await Promise.all(own.map(async (child) => [child, ...(await descendantsOf(child))]))).flat();
}

/** The dar that makes an archive of data below a staging directory, as soon as it runs. */
export function untilDarRuns(staging: string): Promise<number> {
  return until('dar makes an archive', async () => {
    const dars = (await processesOf(staging)).filter(({ args }) => args[0]?.endsWith('/dar') === true && args.includes('-c') && !args.some((arg) => arg.includes('skeleton')));
    return dars[0]?.pid ?? null;
  });
}

export async function untilNothingRuns(staging: string): Promise<void> {
  await until(`no process writes to ${staging}`, async () => ((await processesOf(staging)).length === 0 ? true : null));
}

export async function isAlive(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
  return state !== null && !/^\d+ \(.*\) Z /s.test(state);
}
