import { mapLimited } from '../../shared/catalog/map-limited.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { afterFailure } from '../../shared/tasks/decide-task.js';
import { storedError, taskName, type OutboxItem, type StoredError, type TaskRecord } from '../../shared/tasks/task-record.js';
import type { ItemOutcome, TaskStore } from '../../shared/tasks/task-store.js';
import type { TransferBackend, TransferItem } from '../../shared/transfer/backend.js';

export interface SettleParts {
  readonly store: TaskStore;
  readonly backend: TransferBackend;
  readonly self: string;
  /** Puts on record that an item is in the LTS, verified. Twice has the effect of once. */
  readonly commit: (task: TaskRecord, item: OutboxItem) => Promise<void>;
  /** Those of the items that somebody still waits for. */
  readonly wanted: (task: TaskRecord, items: readonly OutboxItem[]) => Promise<readonly OutboxItem[]>;
  /** Puts the jobs that waited for what has ended back into their queues at once. */
  readonly wake: () => Promise<void>;
}

/** How a task is over. */
export interface TaskEnd {
  readonly state: 'sent' | 'failed' | 'cancelled';
  readonly error: BwError | null;
  /** Objects that are there all the same. */
  readonly proven: readonly string[] | undefined;
  /** An operator wished it cancelled. */
  readonly isWished: boolean;
}

/** Looks outside that go on together. */
const AT_ONCE = 4;

/**
 * Item by item: proven, on record with its backup, then as outcome of the task; at last, in one step, the lease is given back and what was not brought goes to the
 * outbox or to its job. A crash anywhere before that is taken up by whoever holds the task next. False: that is somebody else by now. Throws what verify throws.
 */
export async function settleTask(parts: SettleParts, task: TaskRecord, items: readonly OutboxItem[], end: TaskEnd): Promise<boolean> {
  const { store, self } = parts;
  const outcomes = new Map(await store.outcomes(task.id, items.map(({ object }) => object)));
  const own: TaskEnd = end.error === null ? end : { ...end, error: aboutObject(end.error, items) };
  const objects = new Set(items.map(({ object }) => object));
  const lost = { is: false };
  await mapLimited(items.filter(({ object }) => !outcomes.has(object)), AT_ONCE, async (item) => {
    if (lost.is) return;
    const outcome = await judgeItem(parts, task, item, own, objects);
    if (outcome.kind === 'committed') await parts.commit(task, item);
    outcomes.set(item.object, outcome);
    if (!(await store.noteOutcome(task.id, self, item.object, outcome))) lost.is = true;
  });
  if (lost.is) return false;
  const wanted = new Set((await parts.wanted(task, items)).map(({ object }) => object));
  for (const [object, { kind }] of outcomes) if (kind !== 'committed' && !wanted.has(object)) outcomes.delete(object);
  return closeTask(parts, task, items, outcomes);
}

/** Gives the lease back; items without an outcome are nobody's any more. */
export async function closeTask({ store, self, wake }: Pick<SettleParts, 'store' | 'self' | 'wake'>, task: TaskRecord, items: readonly OutboxItem[], outcomes: ReadonlyMap<string, ItemOutcome>): Promise<boolean> {
  const isOurs = await store.close(task, self, items, outcomes);
  await wake(); // also when it is closed: by a command whose answer was lost
  return isOurs;
}

async function judgeItem({ backend }: SettleParts, task: TaskRecord, item: OutboxItem, end: TaskEnd, objects: ReadonlySet<string>): Promise<ItemOutcome> {
  if (end.state === 'sent' && backend.capabilities().verifiedWhenSent === true) return { kind: 'committed' };
  if (end.proven?.includes(item.object) === true) return { kind: 'committed' };
  if (end.state === 'sent' || end.proven === undefined) {
    const verdict = task.handle === null ? 'missing' : await backend.verify(toTransferItem(item));
    if (verdict === 'match') return { kind: 'committed' };
    if (end.state === 'sent') return { kind: 'error', error: about(task, item, storedError(notProven(item, verdict))) };
  }
  const error = storedError(end.error ?? endedWithout(end.state));
  return afterFailure(item, objects, error, end.isWished) === 'again' ? { kind: 'again' } : { kind: 'error', error: about(task, item, error) };
}

/** What is wrong with a file is told of its path; whose item that is, is what counts here: the others are sent again. */
function aboutObject(error: BwError, items: readonly OutboxItem[]): BwError {
  const culprit = error.subject === undefined ? undefined : items.find(({ file }) => file === error.subject);
  if (culprit === undefined) return error;
  const { code, message, retry, hint, detail, lts, cause } = error;
  const more = { ...(detail === undefined ? {} : { detail: `${culprit.file}\n${detail}` }), ...(lts === undefined ? {} : { lts }) };
  return new BwError(code, { message, retry, hint, cause, ...more, subject: culprit.object });
}

/** Dead letters name the storage and the task as its service knows it. */
function about(task: TaskRecord, item: OutboxItem, error: StoredError): StoredError {
  return { ...error, lts: task.lts, subject: `${task.lts}:${item.object} (${taskName(task)})` };
}

export function toTransferItem({ object, file, bytes, sha512 }: OutboxItem): TransferItem {
  return { object, file, bytes, sha512 };
}

function notProven({ object }: OutboxItem, verdict: string): BwError {
  return new BwError('TRANSFER_VERIFY_MISMATCH', {
    message: 'the backend says it is done, but the object is not what was sent',
    retry: 'retry',
    subject: object,
    hint: 'It is sent again. If it happens more than once, check the storage and the way to it.',
    detail: `verify: ${verdict}`,
  });
}

function endedWithout(state: string): BwError {
  if (state === 'cancelled') {
    return new BwError('TRANSFER_ABORTED', { message: 'the transfer was cancelled', retry: 'retry', hint: 'Nothing to do: it is taken up again later.' });
  }
  return new BwError('TRANSFER_FAILED', { message: `the transfer ended as ${state} without a reason`, retry: 'retry', hint: "Look at the transfer in the backend's own interface." });
}
