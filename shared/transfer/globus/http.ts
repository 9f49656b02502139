import { setTimeout as delay } from 'node:timers/promises';
import { BwError } from '../../errors/bw-error.js';
import { withinMs } from '../../signals/within-ms.js';
import type { BandwidthLimiter } from '../bandwidth.js';
import { abortedError } from '../posix/fs-errors.js';
import { errorAnswer } from './answers.js';
import { faultError, GlobusAnswerError } from './globus-error.js';
import { retryDelayMs } from './retry-policy.js';

/** For one try, its answer included. A listing of a large directory on tape takes its time; a service that is silent for longer is out. */
const TIMEOUT_MS = 60_000;

export interface HttpOptions {
  readonly lts: string;
  /** Calls that may go out (each takes 1), or null. */
  readonly limiter: BandwidthLimiter | null;
  /** Default: a timer. */
  readonly sleep?: ((ms: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  /** Default: the one of Node. */
  readonly fetch?: typeof fetch | undefined;
  readonly timeoutMs?: number | undefined;
  /** 0 to 1. Default: Math.random. */
  readonly random?: (() => number) | undefined;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** JSON over HTTP, tried again as retry-policy.ts says. Every request is one that may be repeated: submits carry a submission id. */
export class Http {
  constructor(private readonly options: HttpOptions) {}

  /** The body of a success. Throws GlobusAnswerError for any other answer, TRANSFER_IO where there is none that can be read, TRANSFER_ABORTED. */
  async json(request: HttpRequest): Promise<unknown> {
    const { random = Math.random, sleep = timer } = this.options;
    for (let before = 0; ; before += 1) {
      const { answer, error, status, code, retryAfter } = await this.#once(request);
      if (error === null) return answer;
      const ms = retryDelayMs({ status, code, retryAfter, before, random: random() });
      if (ms === null) throw error;
      await sleep(ms, request.signal).catch(() => { throw abortedError(request.url.pathname); });
    }
  }

  async #once(request: HttpRequest): Promise<Outcome> {
    const { fetch: send = fetch, timeoutMs = TIMEOUT_MS, limiter } = this.options;
    const { method, url, body, signal } = request;
    try {
      await limiter?.take(1, signal);
      const headers = await request.headers(); // which may ask for a token, a call with a limit of its own
      return await withinMs(timeoutMs, signal, async (limited) => {
        const response = await send(url, {
          method,
          headers,
          // A redirect would take the token elsewhere.
          redirect: 'error',
          signal: limited,
          ...(body === undefined ? {} : { body }),
        });
        return outcomeOf(response, await response.text());
      });
    } catch (thrown) {
      if (signal?.aborted === true) throw abortedError(url.pathname);
      if (thrown instanceof BwError || thrown instanceof GlobusAnswerError) throw thrown;
      return { ...NOTHING, error: faultError('io', { lts: this.options.lts, subject: url.host, detail: `${method} ${url.pathname}: ${reasonOf(thrown)}`, cause: thrown }) };
    }
  }
}

interface Outcome {
  readonly answer: unknown;
  /** null: a success. */
  readonly error: Error | null;
  readonly status: number | null;
  readonly code: string;
  readonly retryAfter: string | null;
}

const NOTHING = { answer: null, status: null, code: '', retryAfter: null };

/** A success that is no JSON (a body that was cut) is thrown: that is like no answer. */
function outcomeOf(response: Response, text: string): Outcome {
  if (response.ok) return { ...NOTHING, answer: JSON.parse(text) as unknown, error: null };
  const parsed = errorAnswer.safeParse(jsonOrNull(text));
  const answer = parsed.success ? parsed.data : {};
  const code = answer.code ?? answer.error ?? 'NoCode';
  return { answer: null, error: new GlobusAnswerError(response.status, code, answer), status: response.status, code, retryAfter: response.headers.get('retry-after') };
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null; // an answer of a proxy: its status says enough
  }
}

/** undici says "fetch failed" and has the reason as cause. What JSON.parse says quotes the answer, which may hold a token. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof SyntaxError) return 'the answer is not JSON, or was cut';
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? `${thrown.message}: ${thrown.cause.message}` : thrown.message;
}

async function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal });
}
