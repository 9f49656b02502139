import { closeSync, openSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { BwError } from '../errors/bw-error.js';
import type { ExitStatus } from './command.js';
import type { Launch } from './launch.js';
import { exitOf, spawnLaunch } from './spawn-child.js';

/** T terminate · A terminate again · K kill · S stop · C continue. */
export type GuardianWord = 'T' | 'A' | 'K' | 'S' | 'C';

/** A running guardian and its program. */
export interface Guardian {
  /** The program's own. */
  readonly pid: number;
  readonly send: (word: GuardianWord) => void;
  /** The guardian's status, which is the program's (128+N for a signal). */
  readonly ended: Promise<ExitStatus>;
  /** Nobody waits for it any more: this process may end while it runs. */
  readonly forget: () => void;
}

/** Starts a guardian in this process. Rejects PROGRAM_START_FAILED, LOG_NOT_WRITABLE. */
export async function startGuardian(program: string, launch: Launch, logFile: string): Promise<Guardian> {
  const child = spawnWithLog(program, launch, logFile);
  const ended = exitOf(program, child);
  ended.catch(() => undefined); // reported by the line below, or by whoever awaits it
  const pid = await reportedPid(child, ended, program);
  return { pid, send: commandSender(child), ended, forget: () => { forget(child); } };
}

function forget(guardian: ChildProcess): void {
  guardian.unref();
  (guardian.stdin as Socket).unref();
}

function spawnWithLog(program: string, launch: Launch, logFile: string): ChildProcess {
  const log = openLog(logFile);
  try {
    return spawnLaunch(program, launch, ['pipe', log, log, 'pipe']);
  } finally {
    closeSync(log);
  }
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

function commandSender(guardian: ChildProcess): (word: GuardianWord) => void {
  const pipe = guardian.stdin as Writable;
  pipe.on('error', () => undefined); // EPIPE: the program has just ended by itself
  return (word) => {
    if (guardian.exitCode === null && guardian.signalCode === null) pipe.write(`${word}\n`);
  };
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
