import { z } from 'zod';
import { BwError } from '../errors/bw-error.js';

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  retry: z.enum(['retry', 'permanent', 'operator']),
  hint: z.string(),
  subject: z.string().optional(),
  detail: z.string().optional(),
  lts: z.string().optional(),
});

/** A BwError on record. */
export type StoredError = z.infer<typeof errorSchema>;

const outboxItemSchema = z.object({
  object: z.string(),
  /** Absolute, in the staging of the host whose outbox it is in. */
  file: z.string(),
  bytes: z.number().int().nonnegative(),
  sha512: z.string(),
  /** Of a slice; '' of a file. */
  backupId: z.string(),
  /** slice: on record in the transfer items of its backup · bundle: of slices, on record in the pool of its host · file: anything else, such as one of a seal. */
  kind: z.enum(['slice', 'file', 'bundle']),
  /** Of the job that waits for it, as in the backup queue: lower goes first. */
  priority: z.number(),
  /** When it was put there, ms by the clock of Redis. */
  sinceMs: z.number(),
  /** Job that is woken when it is through, or has failed: `QUEUE ID`; '' = somebody looks for it. */
  job: z.string(),
  /** Tasks it was in that failed for another item's sake. */
  tries: z.number().int().nonnegative(),
});

/** One object that waits for a task, or is in one. */
export type OutboxItem = z.infer<typeof outboxItemSchema>;

/**
 * keyed: its key and items are on record, nobody outside may know of it yet · submitted to needs-operator: the service has it ·
 * verifying: it is over there, and its items are looked at one by one. A task that is settled is off the record.
 */
export const TASK_STATES = ['keyed', 'submitted', 'queued', 'running', 'stalled', 'paused', 'needs-operator', 'verifying'] as const;
export type TaskState = (typeof TASK_STATES)[number];

const recordSchema = z.object({
  v: z.literal(1),
  id: z.ulid(),
  lts: z.string(),
  identity: z.string(),
  /** Whose staging holds the files. */
  host: z.string(),
  /** Idempotency key: TransferBackend.prepare. */
  key: z.string(),
  createdMs: z.number(),
  items: z.number().int().positive(),
  bytes: z.number().int().nonnegative(),
  backups: z.array(z.string()),
  state: z.enum(TASK_STATES),
  /** Null until the service has answered. */
  handle: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).nullable(),
  /** As the service last said. */
  doneBytes: z.number().nonnegative(),
  doneItems: z.number().nonnegative(),
  /** Bytes per second between the last two looks. */
  rate: z.number().nonnegative(),
  /** When the service last answered, ms; 0: never. */
  seenMs: z.number(),
  /** When it was last seen to have moved bytes or files, ms; 0: it has moved none. Absent in records of before. */
  movedMs: z.number().default(0),
  /** Where a person can look at it; null: nowhere, or not known yet. Absent in records of before. */
  url: z.string().nullable().default(null),
  /** How the last call went wrong, or what the service reports: of a task that goes on. */
  error: errorSchema.nullable(),
  /** Calls in a row that failed. */
  failures: z.number().int().nonnegative(),
});

export type TaskRecord = z.infer<typeof recordSchema>;

export function parseTask(json: string): TaskRecord {
  return recordSchema.parse(JSON.parse(json));
}

export function parseOutboxItem(json: string): OutboxItem {
  return outboxItemSchema.parse(JSON.parse(json));
}

export function parseOutboxItems(json: string): OutboxItem[] {
  return z.array(outboxItemSchema).parse(JSON.parse(json));
}

export function parseError(json: string): StoredError {
  return errorSchema.parse(JSON.parse(json));
}

/** Evidence that a person reads, characters. */
const DETAIL = 2_000;

export function storedError({ code, message, retry, hint, subject, detail, lts }: BwError): StoredError {
  return {
    code,
    message,
    retry,
    hint,
    ...(subject === undefined ? {} : { subject }),
    ...(detail === undefined ? {} : { detail: detail.slice(-DETAIL) }),
    ...(lts === undefined ? {} : { lts }),
  };
}

export function toError({ code, subject, detail, lts, ...rest }: StoredError): BwError {
  return new BwError(code, { ...rest, ...(subject === undefined ? {} : { subject }), ...(detail === undefined ? {} : { detail }), ...(lts === undefined ? {} : { lts }) });
}

/** What is longer is no name. */
const LONGEST_NAME = 100;

/** `task_id 1234-...`: as the service knows it; our id before it has answered. */
export function taskName({ id, handle }: Pick<TaskRecord, 'id' | 'handle'>): string {
  const parts = Object.entries(handle ?? {}).filter(([, value]) => typeof value === 'string' && value.length <= LONGEST_NAME);
  return parts.length === 0 ? `task ${id}` : parts.map(([name, value]) => `${name} ${String(value)}`).join(', ');
}
