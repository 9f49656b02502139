import { z } from 'zod';

const count = z.number().int().nonnegative();

/** One transfer of many slices, in `status` and `tasks list`. */
export const taskRowSchema = z.strictObject({
  id: z.string(),
  lts: z.string(),
  host: z.string(),
  /** As its service knows it. */
  name: z.string(),
  state: z.enum(['keyed', 'submitted', 'queued', 'running', 'stalled', 'paused', 'needs-operator', 'verifying']),
  startedAt: z.string(),
  backups: count,
  items: count,
  itemsDone: count,
  bytes: count,
  bytesDone: count,
  bytesPerSecond: z.number().nonnegative(),
  /** What its service reports, or how the last call to it failed; null: all is well. */
  code: z.string().nullable(),
  message: z.string().nullable(),
  hint: z.string().nullable(),
  /** It goes on only when somebody acts. */
  needsOperator: z.boolean(),
  /** When it last moved something, or began. */
  movedAt: z.string(),
  /** How long it still takes at its rate; null: it moves nothing now. */
  etaMs: count.nullable(),
  /** Where a person can look at it; null: nowhere. */
  url: z.string().nullable(),
  /** Whether a worker looks after it now. */
  followed: z.boolean(),
  /** Who cancelled it, which is not through yet; null: nobody. */
  cancelledBy: z.string().nullable(),
});

export type TaskRow = z.infer<typeof taskRowSchema>;

/** What waits on one host for a task to one LTS. */
export const outboxRowSchema = z.strictObject({
  lts: z.string(),
  host: z.string(),
  files: count,
  bytes: count,
  oldestSince: z.string(),
  /** No worker was heard there for ten minutes. */
  hostIsGone: z.boolean(),
});

export type OutboxRow = z.infer<typeof outboxRowSchema>;

/** `tasks list`. */
export const tasksOutput = z.strictObject({ v: z.literal(1), tasks: z.array(taskRowSchema), outboxes: z.array(outboxRowSchema) });

/** `tasks cancel`. */
export const taskCancelOutput = z.strictObject({
  v: z.literal(1),
  id: z.string(),
  lts: z.string(),
  host: z.string(),
  name: z.string(),
  state: taskRowSchema.shape.state,
  /** Somebody had cancelled it before. */
  already: z.boolean(),
  /** Whether a worker looks after it now, and so cancels it at once. */
  followed: z.boolean(),
});
