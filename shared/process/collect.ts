import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { registerChild, sendSignal } from './active-children.js';
import type { ExitStatus } from './command.js';
import type { Launch } from './launch.js';
import { exitOf, GIVE_UP_AFTER_MS, KILL_AFTER_MS, spawnLaunch } from './spawn-child.js';

export interface CollectOptions {
  /** TERM after this long, KILL two seconds later. */
  readonly timeoutMs?: number;
  /** Given to its standard input, which is /dev/null otherwise. */
  readonly input?: Uint8Array;
  /** Per stream. */
  readonly maxOutputBytes: number;
}

/** How a program ended, and what it printed. */
export interface Collected {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why we ended it; null when we did not. */
  readonly endedFor: 'abort' | 'timeout' | 'output' | null;
  /** Why it did not start; null when it did. */
  readonly startError: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** A background child that it left behind may hold its output open for ever. */
const OUTPUT_GRACE_MS = 2000;

/**
 * Runs a program in this process and collects what it prints. Never rejects, and never waits for one that survives SIGKILL in the kernel. (Not with execa, which takes 1.5 ms of processor time more
 * per start than the 0.8 ms of Node itself: a backup of a few files starts ten programs.)
 */
export async function collect(program: string, launch: Launch, options: CollectOptions, signal?: AbortSignal): Promise<Collected> {
  const { input, maxOutputBytes } = options;
  let child: ChildProcess;
  try {
    child = spawnLaunch(program, launch, [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
  } catch (thrown) {
    return notStarted(thrown);
  }
  const ending = new Ending(program, child);
  feed(child.stdin, input);
  const stdout = gather(child.stdout, maxOutputBytes, () => { ending.end('output'); });
  const stderr = gather(child.stderr, maxOutputBytes, () => { ending.end('output'); });
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => { ending.end('timeout'); }, options.timeoutMs);
  const onAbort = (): void => { ending.end('abort'); };
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    const { code, signal: by } = await Promise.race([exitOf(program, child), ending.givenUp]);
    const late = setTimeout(() => { child.stdout?.destroy(); child.stderr?.destroy(); }, OUTPUT_GRACE_MS);
    const [out, err] = await Promise.all([stdout, stderr]);
    clearTimeout(late);
    return { exitCode: code, signal: by, endedFor: ending.reason, startError: null, stdout: out, stderr: err };
  } catch (thrown) {
    return notStarted(thrown);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    ending.settled();
  }
}

/** Ends a child once, politely first; with it what it started, which is in its process group. */
class Ending {
  reason: Collected['endedFor'] = null;
  /** Resolves when a program that was killed has not ended: it hangs in the kernel, and nobody waits for it. */
  readonly givenUp: Promise<ExitStatus>;
  #giveUp: (status: ExitStatus) => void = () => undefined;
  readonly #child: ChildProcess;
  readonly #unregister: () => void;
  #late: NodeJS.Timeout | undefined;

  constructor(program: string, child: ChildProcess) {
    this.#child = child;
    this.givenUp = new Promise((resolve) => { this.#giveUp = resolve; });
    this.#unregister = registerChild({
      pid: child.pid ?? 0,
      program,
      guarded: false,
      end: () => { this.#signal('SIGTERM'); },
      kill: () => { this.#signal('SIGKILL'); },
    });
  }

  end(reason: NonNullable<Collected['endedFor']>): void {
    if (this.reason !== null) return;
    this.reason = reason;
    this.#signal('SIGTERM');
    this.#late = setTimeout(() => { this.#kill(); }, KILL_AFTER_MS);
  }

  #kill(): void {
    this.#signal('SIGKILL');
    this.#late = setTimeout(() => {
      this.#child.unref();
      this.#giveUp({ code: null, signal: 'SIGKILL' });
    }, GIVE_UP_AFTER_MS);
  }

  settled(): void {
    clearTimeout(this.#late);
    this.#unregister();
  }

  #signal(name: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) sendSignal(-pid, name);
  }
}

function feed(stdin: Writable | null, input: Uint8Array | undefined): void {
  if (stdin === null || input === undefined) return;
  stdin.on('error', () => undefined); // EPIPE: it ended without reading all, its status tells why
  stdin.end(input);
}

/** All a stream gives, up to `maxBytes`; more is dropped, and told. A stream that fails counts as ended there. */
function gather(stream: Readable | null, maxBytes: number, onTooMuch: () => void): Promise<Buffer> {
  if (stream === null) return Promise.resolve(Buffer.alloc(0));
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size + chunk.length > maxBytes) onTooMuch();
    else chunks.push(chunk);
    size += chunk.length;
  });
  return new Promise((resolve) => {
    const finish = (): void => {
      resolve(Buffer.concat(chunks));
    };
    stream.once('close', finish).on('error', finish);
  });
}

function notStarted(thrown: unknown): Collected {
  const why = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  const startError = why instanceof Error ? why.message : String(why);
  return { exitCode: null, signal: null, endedFor: null, startError, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
}
