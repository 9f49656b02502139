import type { z } from 'zod';
import { BwError } from '../../errors/bw-error.js';
import {
  cancelAnswer, doneAnswer, eventsAnswer, listAnswer, pauseAnswer, skippedAnswer, statAnswer, submissionAnswer, submittedAnswer, successesAnswer, taskAnswer, taskListAnswer, uuid,
  type FileEntry, type PauseInfo, type Task, type TaskEvent,
} from './answers.js';
import { checked } from './checked.js';
import type { DeleteDocument, TransferDocument } from './documents.js';
import { unlessAborted } from '../unless-aborted.js';
import { answerError, GlobusAnswerError, requiredScopes, type FaultContext } from './globus-error.js';
import { Http, type HttpOptions } from './http.js';
import { Tokens } from './tokens.js';

export interface ClientOptions extends HttpOptions {
  readonly transferUrl: string;
  readonly authUrl: string;
  readonly clientId: string;
  readonly secretFile: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

type Query = Readonly<Record<string, string | number>>;

/** Entries of a directory per call. */
const LIST_AT_ONCE = 10_000;
/** Tasks per call. */
const TASKS_AT_ONCE = 100;
/** Events that are looked at: those of the last tries are the first. */
const EVENTS_AT_MOST = 100;

/**
 * The calls of the Transfer API v0.10 that are needed. Throws BwError: what faults.ts says about an answer that is no success, after a new token at 401 and
 * new scopes at ConsentRequired, once each; GLOBUS_ANSWER_UNKNOWN; TRANSFER_ABORTED (of one made by `during`).
 */
export class GlobusClient {
  readonly #http: Http;
  readonly #tokens: Tokens;

  /** `of`: the one whose tokens and meter this one shares. `signal` ends every wait of this one: for an answer, for its turn, for a token, before the next try. */
  constructor(
    private readonly options: ClientOptions,
    of: GlobusClient | null = null,
    private readonly signal?: AbortSignal,
  ) {
    this.#http = of === null ? new Http(options) : of.#http;
    this.#tokens = of === null ? new Tokens({ ...options, http: this.#http }) : of.#tokens;
  }

  /** The same for a caller who may give up. */
  during(signal: AbortSignal | undefined): GlobusClient {
    return signal === undefined ? this : new GlobusClient(this.options, this, signal);
  }

  async submissionId(): Promise<string> {
    return (await this.#call(submissionAnswer, 'GET', ['submission_id'])).value;
  }

  /** Returns the task, and whether it is one of before. */
  async submit(document: TransferDocument | DeleteDocument): Promise<{ taskId: string; isNew: boolean }> {
    const { code, task_id: taskId } = await this.#call(submittedAnswer, 'POST', [document.DATA_TYPE], { body: document });
    return { taskId, isNew: code === 'Accepted' };
  }

  /** null: Globus does not know it, or not any more. */
  async task(taskId: string): Promise<Task | null> {
    return this.#orNull(this.#call(taskAnswer, 'GET', ['task', id(taskId)]));
  }

  /** Newest first. */
  async *tasks(filter: string): AsyncGenerator<Task> {
    for (let offset = 0; ; offset += TASKS_AT_ONCE) {
      const { DATA } = await this.#call(taskListAnswer, 'GET', ['task_list'], { query: { filter, orderby: 'request_time desc', limit: TASKS_AT_ONCE, offset } });
      yield* DATA;
      if (DATA.length < TASKS_AT_ONCE) return;
    }
  }

  /** Whatever it answers, the task has to be read again. */
  async cancel(taskId: string): Promise<void> {
    await this.#call(cancelAnswer, 'POST', ['task', id(taskId), 'cancel']);
  }

  /** Errors, newest first. */
  async errors(taskId: string): Promise<readonly TaskEvent[]> {
    return (await this.#call(eventsAnswer, 'GET', ['task', id(taskId), 'event_list'], { query: { filter: 'is_error:1', limit: EVENTS_AT_MOST } })).DATA;
  }

  async pauseInfo(taskId: string): Promise<PauseInfo> {
    return this.#call(pauseAnswer, 'GET', ['task', id(taskId), 'pause_info']);
  }

  /** Destination paths of what an ended task has moved. */
  async *successes(taskId: string): AsyncGenerator<string> {
    for (let marker: Query = {}; ; ) {
      const { DATA, next_marker: next } = await this.#call(successesAnswer, 'GET', ['task', id(taskId), 'successful_transfers'], { query: marker });
      for (const { destination_path: path } of DATA) yield path;
      if (next === null || next === undefined) return;
      marker = { marker: next };
    }
  }

  /** What an ended task has left out: `code path`, the first page. */
  async skipped(taskId: string): Promise<readonly string[]> {
    const { DATA } = await this.#call(skippedAnswer, 'GET', ['task', id(taskId), 'skipped_errors']);
    return DATA.map(({ error_code: code, source_path: from, destination_path: to }) => `${code} ${from ?? to ?? ''}`);
  }

  /** Entries of a directory; null when it is not there. */
  async list(collection: string, path: string): Promise<readonly FileEntry[] | null> {
    const found: FileEntry[] = [];
    for (let offset = 0; ; offset += LIST_AT_ONCE) {
      const page = await this.#orNull(this.#call(listAnswer, 'GET', ['operation', 'endpoint', id(collection), 'ls'], { query: { path, limit: LIST_AT_ONCE, offset } }, path));
      if (page === null) return null;
      found.push(...page.DATA);
      // What vanished meanwhile is counted in `length` and is not in DATA.
      if ((page.length ?? page.DATA.length) !== LIST_AT_ONCE) return found;
    }
  }

  /** Whether the directory is there, and its collection can rename. */
  async look(collection: string, path: string): Promise<{ canRename: boolean } | null> {
    const page = await this.#orNull(this.#call(listAnswer, 'GET', ['operation', 'endpoint', id(collection), 'ls'], { query: { path, limit: 1 } }, path));
    return page === null ? null : { canRename: page.rename_supported !== false };
  }

  async stat(collection: string, path: string): Promise<{ type: string; bytes: number } | null> {
    const found = await this.#orNull(this.#call(statAnswer, 'GET', ['operation', 'endpoint', id(collection), 'stat'], { query: { path } }, path));
    return found === null ? null : { type: found.type, bytes: found.size ?? 0 };
  }

  async makeDirectory(collection: string, path: string): Promise<void> {
    await this.#call(doneAnswer, 'POST', ['operation', 'endpoint', id(collection), 'mkdir'], { body: { DATA_TYPE: 'mkdir', path } }, path);
  }

  /** False when the collection could not: there is nothing under the old name, or something under the new one; it says that in words only. */
  async rename(collection: string, from: string, to: string): Promise<boolean> {
    const body = { DATA_TYPE: 'rename', old_path: from, new_path: to };
    try {
      await this.#call(doneAnswer, 'POST', ['operation', 'endpoint', id(collection), 'rename'], { body }, to);
      return true;
    } catch (thrown) {
      const answer = answerOf(thrown);
      if (answer !== null && (answer.isMissing || /RenameFailed|Exists$/.test(answer.code))) return false;
      throw thrown;
    }
  }

  async #orNull<T>(call: Promise<T>): Promise<T | null> {
    return call.catch((thrown: unknown) => {
      if (answerOf(thrown)?.isMissing === true) return null;
      throw thrown;
    });
  }

  async #call<S extends z.ZodType>(
    schema: S, method: 'GET' | 'POST', path: readonly string[], { query = {}, body }: { query?: Query; body?: object } = {}, subject = path.join('/'),
  ): Promise<z.infer<S>> {
    const url = new URL(`/v0.10/${path.join('/')}`, this.options.transferUrl);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const context: FaultContext = { lts: this.options.lts, subject };
    const raw = await this.#authorised(method, url, body === undefined ? undefined : JSON.stringify(body), context);
    return checked(schema, raw, `${method} ${url.pathname}`, this.options.lts);
  }

  async #authorised(method: 'GET' | 'POST', url: URL, body: string | undefined, context: FaultContext): Promise<unknown> {
    let renewed = false;
    for (;;) {
      let token = '';
      const headers = async (): Promise<Record<string, string>> => {
        token = await unlessAborted(this.#tokens.get(), this.signal, url.pathname); // others may wait for the same
        return { authorization: `Bearer ${token}`, accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      };
      try {
        return await this.#http.json({ method, url, headers, body, signal: this.signal });
      } catch (thrown) {
        if (!(thrown instanceof GlobusAnswerError)) throw thrown;
        const again = thrown.status === 401 ? !renewed : thrown.code === 'ConsentRequired' && this.#tokens.require(requiredScopes(thrown.answer));
        if (!again) throw answerError(thrown, context, this.options.clientId);
        if (thrown.status !== 401) continue;
        await this.#tokens.replace(token);
        renewed = true;
      }
    }
  }
}

/** The answer that an error of this client was made of. */
export function answerOf(thrown: unknown): GlobusAnswerError | null {
  return thrown instanceof BwError && thrown.cause instanceof GlobusAnswerError ? thrown.cause : null;
}

/** Ids go into the URL: `../x` would be another call. */
function id(text: string): string {
  if (uuid.safeParse(text).success) return text;
  throw new BwError('GLOBUS_REFUSED', { message: 'this is no id of a task or collection', subject: JSON.stringify(text), retry: 'permanent', hint: 'Ids are UUIDs. Check lts[].globus; else this is a fault in bw-bkup: report it.' });
}
