import { closeSync, openSync, constants } from 'node:fs';
import { pipeline as pump } from 'node:stream/promises';
import { Readable, type Writable } from 'node:stream';
import { BwError } from '../errors/bw-error.js';
import { collectBounded } from './bounded-output.js';
import type { Command, ExitStatus } from './command.js';
import { launchOf, plainLaunchOf } from './launch.js';
import { currentLauncher } from './launcher/launcher.js';
import { spawnPlain, type PlainChild, type Stage } from './spawn-child.js';

const STDERR_BYTES = 1024 * 1024;
/** A background child that a program left behind may hold its stderr open for ever. */
const STDERR_GRACE_MS = 2000;

export interface PipelineOptions {
  /** Aborting ends all stages (TERM, later KILL); `done` still resolves with how they ended. */
  readonly signal?: AbortSignal;
  /** What the first stage reads: nothing (default), a stream, or what the caller writes to `stdin`. */
  readonly input?: Readable | 'none' | 'pipe';
  /** The last stage writes straight into this new file (0600, must not exist). */
  readonly stdoutFile?: string;
}

export interface StageResult {
  readonly program: string;
  readonly status: ExitStatus;
  /** The first MiB of what it said. */
  readonly stderr: Buffer;
  readonly stderrTruncated: boolean;
}

export interface Pipeline {
  /**
   * Output of the last stage (empty with `stdoutFile`): read it to its end, or destroy it, else the stages wait. Begin at once, awaiting nothing
   * before: Node throws away what nobody has begun to read when the program ends (tried with 20.20: 100 kB read 200 ms late were 0 bytes).
   */
  readonly stdout: Readable;
  /** With input 'pipe': end() it. Null otherwise. */
  readonly stdin: Writable | null;
  /** Ends all stages: TERM, later KILL. */
  readonly stop: () => void;
  /** Resolves when all stages have ended, whatever their exit codes: judge each. Rejects when `input` failed or a stage could not start. */
  readonly done: Promise<StageResult[]>;
}

/**
 * Starts programs joined by OS pipes: the bytes between them do not pass through Node.
 * Throws PROGRAM_NOT_FOUND, PROGRAM_START_FAILED, OUTPUT_NOT_CREATED.
 */
export function startPipeline(commands: readonly Command[], options: PipelineOptions = {}): Pipeline {
  const { stdoutFile, input = 'none', signal } = options;
  const launcher = stdoutFile !== undefined && input === 'none' ? currentLauncher() : null;
  const stages = commands.map((command) => ({ program: command.program, launch: launcher === null ? launchOf(command, 'KILL') : plainLaunchOf(command) }));
  if (stdoutFile === undefined) return startStages(stages, options);
  const file = openNew(stdoutFile);
  try {
    return launcher === null ? startStages(stages, options, file) : { stdout: Readable.from([]), stdin: null, ...launcher.pipe(stages, stdoutFile, signal) };
  } finally {
    closeSync(file);
  }
}

/** Starts the programs of a pipeline in this process; the last one writes to `stdoutFd`, if given. Throws PROGRAM_START_FAILED. */
export function startStages(programs: readonly Stage[], options: Omit<PipelineOptions, 'stdoutFile'>, stdoutFd: number | null = null): Pipeline {
  const stages = spawnStages(programs, options, stdoutFd);
  const stop = (): void => {
    for (const stage of stages) stage.stop();
  };
  const first = stages[0];
  const last = stages.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('a pipeline needs a command');
  if (options.signal?.aborted === true) stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  const done = settle(programs, stages, feed(first, options, stop)).finally(() => {
    options.signal?.removeEventListener('abort', stop);
  });
  done.catch((error: unknown) => {
    stop();
    last.process.stdout?.destroy(error as Error); // a reader must not take this for the end of the output
  });
  return { stdout: last.process.stdout ?? Readable.from([]), stdin: options.input === 'pipe' ? first.process.stdin : null, stop, done };
}

/**
 * All in one turn of the event loop: Node reads a child's stdout as soon as the loop turns, so it must be
 * given away and closed here before. Closing our copy lets the ends pass between the stages (Node's pipes
 * are socket pairs: a writer whose reader left gets ECONNRESET, exit code 1, or SIGPIPE).
 */
function spawnStages(programs: readonly Stage[], options: PipelineOptions, stdoutFd: number | null): PlainChild[] {
  const stages: PlainChild[] = [];
  try {
    for (const [i, program] of programs.entries()) {
      const before = stages.at(-1)?.process.stdout ?? null;
      const stdin = before ?? (options.input === undefined || options.input === 'none' ? 'ignore' : 'pipe');
      const stdout = i === programs.length - 1 && stdoutFd !== null ? stdoutFd : 'pipe';
      stages.push(spawnPlain(program, [stdin, stdout, 'pipe']));
      before?.destroy();
    }
  } catch (error) {
    for (const stage of stages) {
      stage.process.stdout?.destroy();
      stage.exited.catch(() => undefined); // the error thrown here is the one that counts
      stage.stop();
    }
    throw error;
  }
  return stages;
}

async function feed(first: PlainChild, options: PipelineOptions, stop: () => void): Promise<void> {
  const stdin = first.process.stdin;
  if (stdin === null) return;
  if (options.input === 'pipe') {
    stdin.on('error', () => undefined); // EPIPE: the first stage ended early, its status tells why
    return;
  }
  const input = options.input as Readable;
  try {
    await pump(input, stdin);
  } catch (error) {
    // An input that failed must not look like one that ended; EPIPE of stdin is as above.
    if (input.errored !== error) return;
    stop();
    throw error;
  }
}

async function settle(programs: readonly Stage[], stages: readonly PlainChild[], fed: Promise<void>): Promise<StageResult[]> {
  const results = await Promise.all([
    ...stages.map((stage, i) => stageResult((programs[i] as Stage).program, stage)),
    fed,
  ]);
  return results.slice(0, -1) as StageResult[];
}

async function stageResult(program: string, stage: PlainChild): Promise<StageResult> {
  const stderr = stage.process.stderr as Readable;
  const collected = collectBounded(stderr, STDERR_BYTES);
  const status = await stage.exited;
  const late = setTimeout(() => stderr.destroy(), STDERR_GRACE_MS);
  const output = await collected;
  clearTimeout(late);
  return { program, status, stderr: output.bytes, stderrTruncated: output.truncated };
}

function openNew(file: string): number {
  try {
    return openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (error) {
    throw new BwError('OUTPUT_NOT_CREATED', {
      message: `Output file cannot be created: ${(error as Error).message}`,
      retry: 'retry',
      hint: 'EEXIST: left by an earlier try, remove it. Otherwise check space and permissions of its directory.',
      subject: file,
      cause: error,
    });
  }
}
