import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { BwError } from '../errors/bw-error.js';
import { registerChild, sendSignal } from './active-children.js';
import type { ExitStatus } from './command.js';
import type { Launch } from './launch.js';

/** How long a child may take to end after TERM before it is killed. */
export const KILL_AFTER_MS = 2000;
/** And after KILL, before it is not waited for any more: it hangs in the kernel, for as long as a mount does not answer. */
export const GIVE_UP_AFTER_MS = 5000;

/** A program and how it is started. */
export interface Stage {
  readonly program: string;
  readonly launch: Launch;
}

export interface PlainChild {
  readonly process: ChildProcess;
  /** TERM to it and what it started, and KILL two seconds later if it is still there. */
  readonly stop: () => void;
  /** Resolves at the exit, or when it has survived KILL for too long. Rejects PROGRAM_START_FAILED. */
  readonly exited: Promise<ExitStatus>;
}

/**
 * Starts a child that dies with us, in a session of its own so that Ctrl-C at a terminal reaches only us.
 * Throws PROGRAM_START_FAILED.
 */
export function spawnPlain({ program, launch }: Stage, stdio: StdioOptions): PlainChild {
  const child = spawnLaunch(program, launch, stdio);
  let late: NodeJS.Timeout | undefined;
  let giveUp: (status: ExitStatus) => void = () => undefined;
  const givenUp = new Promise<ExitStatus>((resolve) => { giveUp = resolve; });
  const exited = Promise.race([exitOf(program, child), givenUp]);
  const kill = (): void => {
    if (child.pid === undefined || !isRunning(child)) return;
    sendSignal(-child.pid, 'SIGKILL');
    clearTimeout(late);
    late = setTimeout(() => {
      child.unref();
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      giveUp({ code: null, signal: 'SIGKILL' });
    }, GIVE_UP_AFTER_MS);
  };
  const stop = (): void => {
    if (child.pid === undefined || !isRunning(child) || late !== undefined) return;
    sendSignal(-child.pid, 'SIGTERM');
    late = setTimeout(kill, KILL_AFTER_MS);
  };
  const unregister = registerChild({ pid: child.pid ?? 0, program, guarded: false, end: stop, kill });
  const settle = (): void => {
    clearTimeout(late);
    unregister();
  };
  exited.then(settle, settle);
  return { process: child, stop, exited };
}

/** Node's spawn, detached, with its two ways of failing made one. Throws PROGRAM_START_FAILED. */
export function spawnLaunch(program: string, launch: Launch, stdio: StdioOptions): ChildProcess {
  const options = { stdio, env: launch.env, detached: true, ...(launch.cwd === undefined ? {} : { cwd: launch.cwd }) };
  try {
    return spawn(launch.file, launch.args, options);
  } catch (error) {
    throw startFailed(program, error);
  }
}

/** The status of a child's end. Rejects PROGRAM_START_FAILED. */
export async function exitOf(program: string, child: ChildProcess): Promise<ExitStatus> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return { code, signal };
  } catch (error) {
    throw startFailed(program, error);
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** A program that is there but did not start. */
export function startFailed(program: string, cause: unknown): BwError {
  return new BwError('PROGRAM_START_FAILED', {
    message: `Program ${program} could not be started: ${cause instanceof Error ? cause.message : String(cause)}`,
    retry: 'retry',
    hint: 'ENOENT: the working directory is gone. EAGAIN, EMFILE: raise the limits of the service. E2BIG: too long an argument.',
    subject: program,
    cause,
  });
}
