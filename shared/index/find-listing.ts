import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { removeFile } from '../files/remove-file.js';
import { BwError } from '../errors/bw-error.js';
import { showPath, type BytePath } from '../paths/byte-path.js';
import { describeStatus, startPipeline, tailFile, tailText, WORK_MARK, type Command, type Pipeline, type StageResult } from '../process/index.js';
import { scanHung } from '../watchdog/hung.js';
import { watchWork, type WorkWatch } from '../watchdog/watch-work.js';
import type { IndexException } from './exceptions.js';
import { parseFindMessage, type FindMessage } from './find-messages.js';
import { unreadable } from './inspect-root.js';

/** Above this the listing is not worth a backup, and what is remembered of it stays bounded. */
const MAX_EXCEPTIONS = 100_000;
/** How often to look for more of the listing, ms; its end is noticed at once. */
const POLL_MS = 50;
/** What xargs ends with when what it ran ended with 1. */
const XARGS_ONE = 123;

/** What finds said of the tree, added up. */
export interface Heard {
  readonly exceptions: IndexException[];
  /** Seen in a directory, gone when looked at. */
  vanished: number;
}

/** One find, whose output and messages go to files of ours (130 bytes a path; sorting puts as much again beside them): then this process need not fork for it. */
export class FindListing {
  readonly #root: BytePath;
  readonly #listing: string;
  readonly messages: string;
  #pipeline: Pipeline | null = null;
  #watch: WorkWatch | null = null;
  readonly #inactivityMs: number | undefined;

  /** `name`: absolute, of files that are made and removed here. `inactivityMs`: a find that moves nothing for so long hangs. */
  constructor(root: BytePath, name: string, inactivityMs?: number) {
    this.#root = root;
    this.#listing = `${name}.listing`;
    this.messages = `${name}.messages`;
    this.#inactivityMs = inactivityMs;
  }

  /** Throws PROGRAM_*, OUTPUT_NOT_CREATED. */
  async start(command: Command, signal?: AbortSignal): Promise<void> {
    await writeFile(this.messages, '', { mode: 0o600 });
    await removeFile(this.#listing); // of a start that was cut off
    const marked = { ...command, polite: true as const, env: { [WORK_MARK]: this.#listing } };
    const pipeline = startPipeline([marked], { stdoutFile: this.#listing, ...(signal === undefined ? {} : { signal }) });
    pipeline.done.catch(() => undefined); // whoever reads it is told
    this.#pipeline = pipeline;
    if (this.#inactivityMs === undefined) return;
    this.#watch = watchWork(this.#listing, this.#inactivityMs);
    this.#watch.hung.addEventListener('abort', () => { pipeline.stop(); });
  }

  /** Hands over what it prints, whole lines with their terminators, each piece valid until the next; then judges it. Throws INDEX_VOID, SOURCE_UNREADABLE, SCAN_HUNG. */
  async read(use: (lines: Buffer) => Promise<void>, heard: Heard): Promise<void> {
    let rest = Buffer.alloc(0);
    for await (const piece of tailFile(this.#listing, this.#running.done, POLL_MS)) {
      const end = piece.lastIndexOf(0) + 1;
      const whole = end === 0 ? piece.subarray(0, 0) : Buffer.concat([rest, piece.subarray(0, end)]);
      rest = end === 0 ? Buffer.concat([rest, piece]) : Buffer.from(piece.subarray(end));
      if (whole.length > 0) await use(whole);
    }
    const [stage] = await this.#running.done;
    if (this.#watch?.hung.aborted === true) throw scanHung(showPath(this.#root), this.#inactivityMs ?? 0);
    const unknown = await hear(this.messages, this.#root, heard);
    if (stage === undefined || rest.length > 0) throw indexVoid(this.#root, 'what find printed is cut off', '');
    judge(stage, unknown, this.#root);
  }

  /** Ends it, if need be, and removes its files. */
  async close(): Promise<void> {
    this.#watch?.stop();
    this.#pipeline?.stop();
    await this.#pipeline?.done.catch(() => undefined);
    await removeFile(this.#listing);
    await removeFile(this.messages);
  }

  get #running(): Pipeline {
    if (this.#pipeline === null) throw new TypeError('no find was started');
    return this.#pipeline;
  }
}

interface Unexplained {
  /** The first few messages that nobody understands. */
  readonly unknown: string[];
  readonly understood: number;
}

async function hear(messages: string, root: BytePath, heard: Heard): Promise<Unexplained> {
  const unknown: string[] = [];
  let understood = 0;
  for await (const message of readMessages(messages)) {
    if (message.kind !== 'unknown') understood += 1;
    if (message.kind === 'gone') heard.vanished += 1;
    else if (message.kind === 'unknown') unknown.push(...(unknown.length < 10 ? [message.text] : []));
    else if (message.path === '.') throw unreadable(root, message.reason);
    else heard.exceptions.push({ path: message.path, reason: 'could not be examined', detail: message.reason });
    if (heard.exceptions.length > MAX_EXCEPTIONS) throw indexVoid(root, `more than ${MAX_EXCEPTIONS} paths could not be examined`, '');
  }
  return { unknown, understood };
}

/** The messages in the file find wrote to. */
async function* readMessages(file: string): AsyncGenerator<FindMessage, void> {
  let rest = '';
  for await (const chunk of createReadStream(file, 'latin1') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield parseFindMessage(line);
  }
  if (rest !== '') yield { kind: 'unknown', text: rest };
}

/** Exit code 1 is what find ends with after any message; it is fine when all of them are understood. */
function judge(find: StageResult, { unknown, understood }: Unexplained, root: BytePath): void {
  const { code } = find.status;
  if (unknown.length > 0) throw indexVoid(root, 'find said something that is not understood', unknown.join('\n'));
  if (code === 0 || ((code === 1 || code === XARGS_ONE) && understood > 0)) return;
  throw indexVoid(root, `find ended with ${describeStatus(find.status)}`, tailText(find.stderr));
}

export function indexVoid(root: BytePath, why: string, detail: string): BwError {
  return new BwError('INDEX_VOID', {
    message: `the listing of the source is void: ${why}`,
    subject: showPath(root),
    retry: 'retry',
    hint: 'Nothing was planned on it. If it happens again, run find on the source by hand and look at the host (dmesg, mounts, memory).',
    ...(detail === '' ? {} : { detail }),
  });
}
