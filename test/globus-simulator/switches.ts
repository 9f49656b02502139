import { z } from 'zod';
import type { TaskType } from './records.js';

const Fault = z.object({
  /** Regular expression over `METHOD /path`. Default: every call of the Transfer API. */
  on: z.string().default(' /v0\\.10/'),
  /**
   * drop-request: the connection breaks before anything is done. drop-reply: it is done, the answer is lost.
   * status: an error status instead of doing it (`after`: it was done all the same, a gateway lost it).
   * slow: the body comes after delayMs. truncate: half of the JSON, as a whole answer. cut: half of it, then the connection breaks.
   */
  kind: z.enum(['drop-request', 'drop-reply', 'status', 'slow', 'truncate', 'cut']),
  times: z.number().int().positive().default(1),
  status: z.number().int().default(503),
  after: z.boolean().default(false),
  code: z.string().optional(),
  retryAfterSeconds: z.number().int().optional(),
  delayMs: z.number().int().default(1_000),
});
export type Fault = z.output<typeof Fault>;

const PathError = z.object({
  /** Collection; absent = any. */
  collection: z.string().optional(),
  /** Paths of the collection that begin like this, read or written. */
  prefix: z.string(),
  side: z.enum(['source', 'destination', 'any']).default('any'),
  /** Event code: PERMISSION_DENIED, QUOTA_EXCEEDED, FILE_NOT_FOUND, NO_SPACE_LEFT, ... */
  code: z.string(),
});
export type PathError = z.output<typeof PathError>;

const CollectionState = z.object({
  /** Tasks become INACTIVE: credentials are missing. */
  inactive: z.boolean(),
  /** Tasks are paused by a rule of the administrator, with this message; null = none. */
  pauseMessage: z.string().nullable(),
  /** Globus Connect is not connected. */
  disconnected: z.boolean(),
  /** The session of a high-assurance collection has expired; which error says so differs in the wild. */
  session: z.enum(['ok', 'policy-failed', 'login-failed']),
});
export type CollectionState = z.output<typeof CollectionState>;

/** What tests tell the simulator, as a call or as `POST /control`. */
export const Command = z.discriminatedUnion('do', [
  Fault.extend({ do: z.literal('fault') }),
  z.object({ do: z.literal('clear-faults') }),
  /** Nothing moves; `only`: no task of that type. */
  z.object({ do: z.literal('freeze'), on: z.boolean(), only: z.enum(['TRANSFER', 'DELETE']).optional() }),
  z.object({ do: z.literal('flip-bit'), times: z.number().int().default(1) }),
  /** A copy stops half-way: seen (CONNECTION_BROKEN, tried again) or not (`silent`: it counts as done). */
  z.object({ do: z.literal('cut-copy'), times: z.number().int().default(1), silent: z.boolean().default(false) }),
  PathError.extend({ do: z.literal('path-error') }),
  z.object({ do: z.literal('clear-path-errors') }),
  z.object({ do: z.literal('collection'), id: z.string(), state: CollectionState.partial() }),
  z.object({ do: z.literal('advance-clock'), ms: z.number() }),
  /** held: `CancelAccepted`, and the task goes on until the mode changes. too-late: `Canceled` is said, the task succeeds all the same. */
  z.object({ do: z.literal('cancel-mode'), mode: z.enum(['normal', 'held', 'too-late']) }),
  z.object({ do: z.literal('expire-tokens') }),
  /** An administrator of the collection cancels a task. */
  z.object({ do: z.literal('admin-cancel'), task: z.string(), message: z.string() }),
]);
export type Command = z.input<typeof Command>;

/** In memory only: a restarted simulator has none of them set. */
export class Switches {
  faults: Fault[] = [];
  /** Types of tasks that do not get on. */
  frozen: readonly TaskType[] = [];
  flipBits = 0;
  cutCopies = 0;
  cutSilently = false;
  pathErrors: PathError[] = [];
  cancelMode: 'normal' | 'held' | 'too-late' = 'normal';
  clockOffset = 0;
  readonly #collections = new Map<string, CollectionState>();

  collection(id: string): CollectionState {
    return this.#collections.get(id) ?? { inactive: false, pauseMessage: null, disconnected: false, session: 'ok' };
  }

  setCollection(id: string, state: { readonly [K in keyof CollectionState]?: CollectionState[K] | undefined }): void {
    const given = Object.fromEntries(Object.entries(state).filter(([, value]) => value !== undefined));
    this.#collections.set(id, { ...this.collection(id), ...given });
  }

  /** The first fault for a request, used up by one. */
  takeFault(request: string): Fault | null {
    const fault = this.faults.find(({ on }) => new RegExp(on).test(request));
    if (fault === undefined) return null;
    fault.times--;
    this.faults = this.faults.filter(({ times }) => times > 0);
    return fault;
  }

  pathError(collection: string, path: string, side: 'source' | 'destination'): string | null {
    const found = this.pathErrors.find((error) =>
      (error.collection ?? collection) === collection && path.startsWith(error.prefix) && (error.side === 'any' || error.side === side));
    return found?.code ?? null;
  }
}
