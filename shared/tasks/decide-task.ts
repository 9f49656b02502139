import type { TransferStatus } from '../transfer/backend.js';
import type { OutboxItem, StoredError, TaskRecord, TaskState } from './task-record.js';

export interface DriverFacts {
  readonly ownHost: string;
  /** Of the process that looks. */
  readonly self: string;
  /** Who looks after it, unless that one has not said so for too long. */
  readonly holder: string | null;
  /** No worker of the task's host has been heard for so long that it does not come back by itself. */
  readonly hostIsGone: boolean;
}

/** Whether this process looks after a task (pure): its own host's, when nobody does; another's when that host is gone, as poll works anywhere. */
export function mayDrive(task: Pick<TaskRecord, 'host'>, { ownHost, self, holder, hostIsGone }: DriverFacts): boolean {
  if (holder !== null) return holder === self;
  return task.host === ownHost || hostIsGone;
}

/** What the service says, as a task of ours (pure); null: it is over there. */
export function stateOf(status: Pick<TransferStatus, 'state'>): TaskState | null {
  switch (status.state) {
    case 'sent':
    case 'failed':
    case 'cancelled':
      return null;
    default:
      return status.state;
  }
}

/**
 * Why a task that goes on is cancelled (pure), or null. operator: somebody wishes it · abandoned: the service has trouble, and files of it are wanted no more: the others go
 * again without them · host-gone: it has trouble, and nobody could mend it at its host. A task without trouble is left alone otherwise: what it brings counts.
 */
export function whyCancel(facts: { readonly state: TaskState; readonly hasError: boolean; readonly unwanted: number; readonly hostIsGone: boolean; readonly isWished: boolean }): 'operator' | 'abandoned' | 'host-gone' | null {
  if (facts.isWished) return 'operator';
  const inTrouble = facts.hasError || facts.state === 'stalled' || facts.state === 'paused' || facts.state === 'needs-operator';
  if (!inTrouble) return null;
  if (facts.unwanted > 0) return 'abandoned';
  return facts.hostIsGone ? 'host-gone' : null;
}

/** A whole task that failed again and again because of one item: after so many, all learn of it. */
const FREE_TRIES = 5;

/**
 * What becomes of an item that a task did not bring (pure). `again`: back to the outbox, as it is another one's fault, or the task was taken back on purpose ·
 * `error`: its job is told, and judges whether it is an outage or an attempt. Of a task that an operator cancelled all goes again, however often, whatever had held it
 * up: only what no task could bring is told.
 */
export function afterFailure(item: Pick<OutboxItem, 'object' | 'tries'>, objects: ReadonlySet<string>, error: StoredError, isWished = false): 'again' | 'error' {
  if (isWished && error.retry !== 'permanent') return 'again';
  if (error.code === 'TRANSFER_ABORTED') return item.tries < FREE_TRIES ? 'again' : 'error';
  const culprit = error.subject !== undefined && objects.has(error.subject) ? error.subject : null;
  if (culprit === null || culprit === item.object) return 'error';
  return item.tries < FREE_TRIES ? 'again' : 'error';
}

/** A submit that failed is tried again with the same key for so long; then it is given up, if the service surely does not have it. */
const MAX_SUBMITS = 8;

/** Whether a task is given up whose submit failed like that (pure): asking again would not mend it. Only after reconcile says that the service does not have it. */
export function isSubmitHopeless(error: Pick<StoredError, 'retry'>, failures: number): boolean {
  return error.retry !== 'retry' || failures >= MAX_SUBMITS;
}

/** Longest pause between two looks at a service that does not answer, in first ones. */
const MOST_PAUSES = 12;

/** How long to wait after the last look, ms (pure): longer when calls fail. */
export function pauseMs(firstMs: number, failures: number): number {
  return firstMs * Math.min(2 ** failures, MOST_PAUSES);
}
