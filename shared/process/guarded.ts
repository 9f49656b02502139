import { closeSync, openSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { BwError } from '../errors/bw-error.js';
import { registerChild } from './active-children.js';
import type { Command, ExitStatus } from './command.js';
import { launchable } from './argument-bytes.js';
import { GUARDIAN_SCRIPT } from './guardian-script.js';
import { childEnv, hasPdeathsig, resolveProgram, type Launch } from './launch.js';
import { watchPeakMemory, type PeakMemory } from './peak-memory.js';
import { exitOf, spawnLaunch } from './spawn-child.js';
import { STAGING_MARK } from './strays.js';

export interface GuardedOptions {
  /**
   * Both outputs of the program are appended here (0600). A file and not a pipe: when we die, dar still
   * prints while it closes its archive, and a broken pipe would kill it there. Read it with `tailFile`.
   */
  readonly logFile: string;
  /** Directory it writes to: how a later worker finds it again if all of us died (`continueStrays`). */
  readonly stagingDir: string;
}

export interface GuardedExit extends ExitStatus {
  /** Peak resident memory; null when it ended before the first reading (5 ms). */
  readonly peakRssBytes: number | null;
  readonly wallMs: number;
  readonly terminatedByUs: boolean;
}

export interface GuardedChild {
  /** The program's own, not the guardian's. Signals go through the methods below only. */
  readonly pid: number;
  readonly logFile: string;
  /** One TERM, then CONT, however often it is called. */
  readonly terminate: () => void;
  readonly kill: () => void;
  /** STOP: back-pressure. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly exited: Promise<GuardedExit>;
}

/**
 * Starts a program that must end cleanly: it gets exactly one TERM when this process dies, even while it
 * is paused. Rejects PROGRAM_NOT_FOUND, PROGRAM_START_FAILED, LOG_NOT_WRITABLE, ARGUMENT_INVALID.
 */
export async function startGuarded(command: Command, options: GuardedOptions): Promise<GuardedChild> {
  const started = performance.now();
  const guardian = spawnGuardian(command, options);
  const ended = exitOf(command.program, guardian);
  ended.catch(() => undefined); // reported by the line below, or by exited
  const pid = await reportedPid(guardian, ended, command.program);
  return control(guardian, pid, command, options.logFile, { ended, started });
}

function spawnGuardian(command: Command, options: GuardedOptions): ChildProcess {
  const log = openLog(options.logFile);
  try {
    return spawnLaunch(command.program, guardianLaunch(command, options), ['pipe', log, log, 'pipe']);
  } finally {
    closeSync(log);
  }
}

function guardianLaunch(command: Command, options: GuardedOptions): Launch {
  const { argv, cwd } = launchable([resolveProgram(command.program), ...command.args], command.cwd);
  const tied = hasPdeathsig() ? [resolveProgram('setpriv'), '--pdeathsig', 'TERM', '--', ...argv] : argv;
  const env = childEnv({ ...command.env, [STAGING_MARK]: options.stagingDir });
  return { file: '/bin/sh', args: ['-c', GUARDIAN_SCRIPT, 'sh', ...tied], cwd, env };
}

async function reportedPid(guardian: ChildProcess, ended: Promise<ExitStatus>, program: string): Promise<number> {
  const report = guardian.stdio[3] as Readable;
  const text = new Promise<string>((resolve) => {
    let read = '';
    report.on('data', (chunk: Buffer) => {
      read += chunk.toString('latin1');
    });
    report.once('close', () => {
      resolve(read);
    });
  });
  const pid = Number.parseInt(await Promise.race([text, ended.then(() => text)]), 10);
  if (Number.isSafeInteger(pid) && pid > 1) return pid;
  throw new BwError('PROGRAM_START_FAILED', {
    message: `The guardian of ${program} did not start it`,
    retry: 'retry',
    hint: 'Look at the log of the program; EAGAIN means that the limit of processes is reached.',
    subject: program,
  });
}

function control(
  guardian: ChildProcess,
  pid: number,
  command: Command,
  logFile: string,
  { ended, started }: { ended: Promise<ExitStatus>; started: number },
): GuardedChild {
  const memory = watchPeakMemory(pid);
  let terminatedByUs = false;
  const send = commandSender(guardian);
  const terminate = (): void => {
    terminatedByUs = true;
    send('T');
  };
  const kill = (): void => {
    send('K');
  };
  const unregister = registerChild({ pid, program: command.program, guarded: true, end: terminate, kill });
  const exited = ended.finally(unregister).then((status) => finish(status, memory, started, () => terminatedByUs));
  exited.catch(() => undefined); // whoever awaits it gets the rejection
  return { pid, logFile, terminate, kill, pause: () => { send('S'); }, resume: () => { send('C'); }, exited };
}

function commandSender(guardian: ChildProcess): (word: 'T' | 'K' | 'S' | 'C') => void {
  const pipe = guardian.stdin as Writable;
  pipe.on('error', () => undefined); // EPIPE: the program has just ended by itself
  return (word) => {
    if (guardian.exitCode === null && guardian.signalCode === null) pipe.write(`${word}\n`);
  };
}

function finish(status: ExitStatus, memory: PeakMemory, started: number, terminated: () => boolean): GuardedExit {
  memory.stop();
  return {
    ...programStatus(status),
    peakRssBytes: memory.bytes(),
    wallMs: performance.now() - started,
    terminatedByUs: terminated(),
  };
}

/** A shell reports the end by signal N as exit code 128+N. */
export function programStatus(guardian: ExitStatus): ExitStatus {
  const signals = Object.entries(osConstants.signals) as [NodeJS.Signals, number][];
  const signal = signals.find(([, number]) => guardian.code === 128 + number)?.[0];
  return signal === undefined ? guardian : { code: null, signal };
}

function openLog(file: string): number {
  try {
    return openSync(file, 'a', 0o600);
  } catch (error) {
    throw new BwError('LOG_NOT_WRITABLE', {
      message: `Log file cannot be opened: ${(error as Error).message}`,
      retry: 'retry',
      hint: 'Check space and permissions of its directory.',
      subject: file,
      cause: error,
    });
  }
}
