import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { untilNone } from '../bad-input/until.js';
import type { CompiledProduct } from '../../faults/compiled-product.js';

export interface CliEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  readonly end: Promise<CliEnd>;
  /** Standard error so far. */
  stderr(): string;
  /** Resolves when standard error holds this; rejects when the process ends without. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface CliOptions {
  readonly config?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts `bw-bkup ARGS` as a process of its own, killed with the test. */
export function startCli(product: CompiledProduct, args: readonly string[], options: CliOptions = {}): CliProcess {
  const { config } = options;
  const all = [join(product.dir, 'bin/bw-bkup.js'), ...args, ...(config === undefined ? [] : ['--config', config])];
  const env = { PATH: process.env['PATH'], HOME: '/', LC_ALL: 'C', ...options.env };
  const child = spawn(process.execPath, all, { env, cwd: options.cwd ?? product.dir, stdio: ['ignore', 'pipe', 'pipe'] });
  const out: string[] = [];
  const err: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  const end = once(child, 'close').then(([code, signal]) => {
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout: out.join(''), stderr: err.join('') };
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await end;
  });
  const stderr = (): string => err.join('');
  return { child, end, stderr, said: (pattern) => said(child, stderr, pattern) };
}

async function said(child: ChildProcess, stderr: () => string, pattern: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const found = pattern.exec(stderr());
    if (found !== null) return found;
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} without saying ${String(pattern)}:\n${stderr()}`);
    await Promise.race([once(child.stderr ?? child, 'data'), once(child, 'close')]);
  }
}

/** Runs `bw-bkup ARGS` to its end. */
export function runCli(product: CompiledProduct, args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  return startCli(product, args, options).end;
}

/** Waits until no process names this directory on its command line: Redis, dar and their guardians end with whoever started them. */
export async function untilNothingRunsIn(dir: string): Promise<void> {
  await untilNone('all processes have ended', () => processesNaming(dir));
}

/** The process whose command line holds this. */
export async function pidNaming(text: string): Promise<number> {
  const [found] = (await commandLines()).filter(({ line }) => line.includes(text));
  if (found === undefined) throw new Error(`no process named ${text}`);
  return found.pid;
}

async function processesNaming(dir: string): Promise<string[]> {
  return (await commandLines()).map(({ line }) => line).filter((line) => line.includes(dir));
}

async function commandLines(): Promise<{ pid: number; line: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => pid !== process.pid);
  return Promise.all(pids.map(async (pid) => ({ pid, line: (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).replaceAll('\0', ' ') })));
}
