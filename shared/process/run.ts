import { BwError } from '../errors/bw-error.js';
import { tailText } from './bounded-output.js';
import { collect, type Collected } from './collect.js';
import type { Command, ExitStatus } from './command.js';
import { launchOf, plainLaunchOf } from './launch.js';
import { currentLauncher } from './launcher/launcher.js';
import { startFailed } from './spawn-child.js';

const MIB = 1024 * 1024;

export interface RunOptions {
  /** TERM after this long, KILL two seconds later. Default: none. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Given to its standard input, which is /dev/null otherwise. */
  readonly input?: Uint8Array;
  /** Per stream; more is PROGRAM_OUTPUT_TOO_LARGE. Default 16 MiB. */
  readonly maxOutputBytes?: number;
  /** Exit codes that are not PROGRAM_FAILED. Default [0]. */
  readonly okCodes?: readonly number[];
}

export interface RunResult {
  readonly status: ExitStatus;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly wallMs: number;
}

/**
 * Runs a program that prints little, and collects what it prints. The exit code alone proves nothing: check the effect.
 * Rejects PROGRAM_NOT_FOUND, PROGRAM_FAILED, PROGRAM_TIMEOUT, PROGRAM_ABORTED,
 * PROGRAM_START_FAILED, PROGRAM_OUTPUT_TOO_LARGE, ARGUMENT_INVALID.
 */
export async function run(command: Command, options: RunOptions = {}): Promise<RunResult> {
  if (options.signal?.aborted === true) throw aborted(command);
  const started = performance.now();
  const result = await collected(command, options);
  const status: ExitStatus = { code: result.exitCode, signal: result.signal };
  const stderr = Buffer.from(result.stderr).toString('utf8');
  if (result.startError !== null) throw startFailed(command.program, new Error(result.startError));
  if (result.endedFor === 'abort') throw aborted(command);
  if (result.endedFor === 'timeout') throw timedOut(command, options.timeoutMs ?? 0, stderr);
  if (result.endedFor === 'output') throw tooMuchOutput(command, stderr);
  if (status.code === null || !(options.okCodes ?? [0]).includes(status.code)) throw failed(command, describeStatus(status), stderr);
  return { status, stdout: Buffer.from(result.stdout), stderr, wallMs: performance.now() - started };
}

function collected(command: Command, options: RunOptions): Promise<Collected> {
  const { timeoutMs, input, maxOutputBytes = 16 * MIB } = options;
  const bounds = { maxOutputBytes, ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(input === undefined ? {} : { input }) };
  const launcher = currentLauncher();
  const { program } = command;
  if (launcher === null) return collect(program, launchOf(command, 'KILL'), bounds, options.signal);
  return launcher.collect(program, plainLaunchOf(command), bounds, options.signal);
}

/** `exit code 2` or `signal SIGKILL`. */
export function describeStatus(status: ExitStatus): string {
  return status.code === null ? `signal ${status.signal ?? 'unknown'}` : `exit code ${status.code}`;
}

function failed(command: Command, how: string, stderr: string): BwError {
  return new BwError('PROGRAM_FAILED', {
    message: `${command.program} ended with ${how}`,
    retry: 'retry',
    hint: `Read what ${command.program} said below.`,
    subject: command.program,
    detail: tailText(stderr),
  });
}

function timedOut(command: Command, timeoutMs: number, stderr: string): BwError {
  return new BwError('PROGRAM_TIMEOUT', {
    message: `${command.program} did not end within ${timeoutMs} ms`,
    retry: 'retry',
    hint: 'A hanging filesystem or an overloaded host is the usual reason: check the mounts it reads.',
    subject: command.program,
    detail: tailText(stderr),
  });
}

function tooMuchOutput(command: Command, stderr: string): BwError {
  return new BwError('PROGRAM_OUTPUT_TOO_LARGE', {
    message: `${command.program} printed more than was expected of it`,
    retry: 'permanent',
    hint: 'This is a fault in bw-bkup (large outputs must be streamed): report it with the log.',
    subject: command.program,
    detail: tailText(stderr),
  });
}

function aborted(command: Command): BwError {
  return new BwError('PROGRAM_ABORTED', {
    message: `${command.program} was stopped because its caller ended`,
    retry: 'retry',
    hint: 'Nothing to do: the work is stopped on purpose and taken up again later.',
    subject: command.program,
  });
}
