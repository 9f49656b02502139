import { z } from 'zod';

const count = z.number().int().nonnegative();

/** One transfer of many slices, in `status`. */
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
});

export type TaskRow = z.infer<typeof taskRowSchema>;
