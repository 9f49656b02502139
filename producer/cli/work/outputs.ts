import { z } from 'zod';

const count = z.number().int().nonnegative();

/** `drain`, `resume`. */
export const drainOutput = z.strictObject({
  v: z.literal(1),
  host: z.string(),
  drained: z.boolean(),
  whenIdle: z.boolean(),
  force: z.boolean(),
  /** Jobs of the backup queue that run there now. */
  running: count,
});

/** `preempt`, `cancel`. */
export const stopOutput = z.strictObject({
  v: z.literal(1),
  /** Backup or restore; null for a host. */
  runId: z.string().nullable(),
  host: z.string().nullable(),
  cancelled: z.boolean(),
  /** Running jobs that were told to stop. */
  stopped: z.array(z.string()),
});

/** A host in `status`. */
export const drainedRowSchema = z.strictObject({ host: z.string(), since: z.string(), user: z.string().nullable(), reason: z.string(), whenIdle: z.boolean(), force: z.boolean() });
