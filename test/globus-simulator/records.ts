// What the simulator remembers, and the lines of its log that lead there.

export type TaskType = 'TRANSFER' | 'DELETE';
export type TaskStatus = 'ACTIVE' | 'INACTIVE' | 'SUCCEEDED' | 'FAILED';
export type ItemState = 'pending' | 'retrying' | 'succeeded' | 'skipped' | 'skipped-error' | 'expanded' | 'canceled' | 'expired' | 'failed';

export interface ItemRecord {
  readonly source: string;
  /** Empty for a delete. */
  readonly destination: string;
  readonly recursive: boolean;
  readonly checksum: string | null;
  readonly algorithm: string | null;
  state: ItemState;
  size: number;
  /** Of the bytes at the source, where something was compared. */
  sum: string | null;
}

export interface EventRecord {
  readonly code: string;
  readonly isError: boolean;
  readonly description: string;
  readonly details: string;
  readonly time: number;
}

export interface SkippedRecord {
  readonly item: number;
  readonly code: string;
  readonly details: string;
  readonly time: number;
}

export interface TaskFlags {
  readonly verifyChecksum: boolean;
  readonly preserveTimestamp: boolean;
  readonly encryptData: boolean;
  readonly syncLevel: number | null;
  readonly skipSourceErrors: boolean;
  readonly failOnQuotaErrors: boolean;
  readonly deleteDestinationExtra: boolean;
  /** Of a delete. */
  readonly recursive: boolean;
  readonly ignoreMissing: boolean;
}

export interface FatalError {
  readonly code: string;
  readonly description: string;
}

/** What changes of a task besides its items. */
export interface TaskMutable {
  status: TaskStatus;
  label: string | null;
  deadline: number;
  /** A deadline that the user set is not extended. */
  userDeadline: boolean;
  completionTime: number | null;
  fatalError: FatalError | null;
  /** Code of the newest error, while something is being retried. */
  lastError: string | null;
  paused: boolean;
  faults: number;
  bytesTransferred: number;
  bytesChecksummed: number;
  directories: number;
}

export interface TaskRecord extends TaskMutable {
  readonly id: string;
  readonly submissionId: string;
  readonly owner: string;
  readonly type: TaskType;
  readonly requestTime: number;
  readonly source: string;
  readonly destination: string | null;
  readonly flags: TaskFlags;
  /** As it was submitted, without the items: tests look at it. */
  readonly submitted: Readonly<Record<string, unknown>>;
  readonly items: ItemRecord[];
  readonly events: EventRecord[];
  readonly skipped: SkippedRecord[];
}

export interface TokenRecord {
  /** SHA-256 of the token: no token is ever on disk. */
  readonly hash: string;
  readonly client: string;
  readonly scope: string;
  readonly expires: number;
}

/** [index, state, size, sum] */
export type ItemChange = readonly [number, ItemState, number, string | null];

export type LogRecord =
  | { readonly t: 'token'; readonly token: TokenRecord }
  | { readonly t: 'task'; readonly task: TaskRecord }
  | { readonly t: 'set'; readonly id: string; readonly set: Partial<TaskMutable> }
  | { readonly t: 'items'; readonly id: string; readonly changes: readonly ItemChange[] }
  | { readonly t: 'more'; readonly id: string; readonly items: readonly ItemRecord[] }
  | { readonly t: 'skip'; readonly id: string; readonly skipped: SkippedRecord }
  | { readonly t: 'event'; readonly id: string; readonly event: EventRecord };

export const isFinished = (task: TaskRecord): boolean => task.status === 'SUCCEEDED' || task.status === 'FAILED';
export const isOpen = (item: ItemRecord): boolean => item.state === 'pending' || item.state === 'retrying';
