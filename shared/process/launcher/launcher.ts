import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BwError } from '../../errors/bw-error.js';
import { registerChild } from '../active-children.js';
import type { Collected, CollectOptions } from '../collect.js';
import type { ExitStatus } from '../command.js';
import type { Guardian } from '../guardian.js';
import type { Launch } from '../launch.js';
import type { StageResult } from '../pipeline.js';
import type { Stage } from '../spawn-child.js';
import type { Answer, Request, Word } from './protocol.js';

const PROGRAM = fileURLToPath(new URL('./launcher-main.js', import.meta.url));

let current: Launcher | null = null;

/** The launcher of this process, or null: then children are started by this process itself. */
export function currentLauncher(): Launcher | null {
  return current;
}

/**
 * From here on children are started by a small process of ours instead of this one. Node forks, and a fork of 150 MB takes 3 ms, in which
 * the event loop stands still, and makes every page that is written next fault: 60 of 100 ms processor time of a backup of 20 files, with 12
 * programs. Without effect where the compiled program is not there (sources run by a loader).
 */
export function useLauncher(): void {
  if (existsSync(PROGRAM)) current ??= new Launcher();
}

type Begin = Request extends infer R ? (R extends { ask: 'tell' } ? never : R extends { id: number } ? Omit<R, 'id'> : never) : never;

interface Pending {
  readonly onAnswer: (answer: Answer) => void;
  readonly fail: (error: BwError) => void;
}

/** The worker's end of a launcher process, which is started with the first request, and anew if it was killed. */
class Launcher {
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | null = null;
  #next = 1;

  /** As collect() of this process. Rejects PROGRAM_START_FAILED. */
  async collect(program: string, launch: Launch, options: CollectOptions, signal?: AbortSignal): Promise<Collected> {
    const { id, answers } = this.#ask({ ask: 'collect', program, launch, options });
    const answer = await this.#untilDone(id, program, answers, signal);
    if (answer.is !== 'collected') throw new TypeError('not what was asked for');
    return answer.result;
  }

  /** As startGuardian() of this process. */
  async guard(program: string, launch: Launch, logFile: string): Promise<Guardian> {
    const { id, answers } = this.#ask({ ask: 'guard', program, launch, logFile });
    const first = await answers.next();
    if (first.is !== 'running') throw new TypeError('not what was asked for');
    const ended = answers.next().then((answer): ExitStatus => {
      if (answer.is !== 'exited') throw new TypeError('not what was asked for');
      return answer.status;
    });
    ended.catch(() => undefined); // whoever awaits it gets the rejection
    return { pid: first.pid, send: (word) => { this.#tell(id, word); }, ended, forget: () => { this.#forget(id); } };
  }

  /** Joined programs, of which the last appends to `file`. */
  pipe(stages: readonly Stage[], file: string, signal?: AbortSignal): { done: Promise<StageResult[]>; stop: () => void } {
    const { id, answers } = this.#ask({ ask: 'pipe', stages, file });
    const program = stages.map((stage) => stage.program).join(' | ');
    const done = this.#untilDone(id, program, answers, signal).then((answer) => {
      if (answer.is !== 'piped') throw new TypeError('not what was asked for');
      return answer.stages.map((stage) => ({ ...stage, stderr: Buffer.from(stage.stderr) }));
    });
    done.catch(() => undefined); // whoever awaits it gets the rejection
    return { done, stop: () => { this.#tell(id, 'end'); } };
  }

  async #untilDone(id: number, program: string, answers: Answers, signal: AbortSignal | undefined): Promise<Answer> {
    const end = (): void => { this.#tell(id, 'end'); };
    const unregister = registerChild({ pid: 0, program, guarded: false, end, kill: () => { this.#tell(id, 'kill'); } });
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
    try {
      return await answers.next();
    } finally {
      signal?.removeEventListener('abort', end);
      unregister();
    }
  }

  #ask(request: Begin): { id: number; answers: Answers } {
    const id = this.#next++;
    const answers = new Answers();
    this.#pending.set(id, { onAnswer: (answer) => { answers.put(answer); }, fail: (error) => { answers.fail(error); } });
    const child = (this.#child ??= this.#start());
    child.channel?.ref(); // a process that waits for a child must not end
    this.#send(child, { ...request, id });
    return { id, answers };
  }

  #tell(id: number, what: Word): void {
    if (this.#child !== null && this.#pending.has(id)) this.#send(this.#child, { id, ask: 'tell', what });
  }

  #forget(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#child?.channel?.unref();
  }

  #send(child: ChildProcess, request: Request): void {
    // A launcher that has just ended answers nothing: its exit fails what it was asked for.
    child.send(request, () => undefined);
  }

  #start(): ChildProcess {
    const child = fork(PROGRAM, [], { detached: true, serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: ['--max-semi-space-size=1'] });
    child.on('message', (message) => { this.#receive(message as Answer); });
    const gone = (): void => {
      if (this.#child !== child) return;
      this.#child = null;
      for (const pending of this.#pending.values()) pending.fail(launcherGone());
      this.#pending.clear();
    };
    child.once('exit', gone);
    child.once('error', gone);
    child.unref();
    return child;
  }

  #receive(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) return;
    if (answer.is !== 'running') this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#child?.channel?.unref();
    if (answer.is === 'failed') pending.fail(toError(answer));
    else pending.onAnswer(answer);
  }
}

/** The answers to one request, in order, each to be awaited once. */
class Answers {
  readonly #waiting: ((answer: Promise<Answer>) => void)[] = [];
  readonly #come: Promise<Answer>[] = [];

  put(answer: Answer): void {
    this.#add(Promise.resolve(answer));
  }

  fail(error: BwError): void {
    const failed = Promise.reject<Answer>(error);
    failed.catch(() => undefined); // whoever awaits it gets the rejection
    this.#add(failed);
  }

  next(): Promise<Answer> {
    return this.#come.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  #add(answer: Promise<Answer>): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#come.push(answer);
    else waiting(answer);
  }
}

function toError({ code, message, hint, subject }: Extract<Answer, { is: 'failed' }>): BwError {
  return new BwError(code, { message, retry: 'retry', hint, ...(subject === null ? {} : { subject }) });
}

function launcherGone(): BwError {
  return new BwError('PROGRAM_START_FAILED', {
    message: 'the process that starts programs for this one has ended',
    retry: 'retry',
    hint: 'Another one is started. If it comes again: out of memory? See dmesg.',
  });
}
