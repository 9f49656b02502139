import { z } from 'zod';

const count = z.number().int().nonnegative();
/** Byte counts as decimal text: a topdir may have more than 2^53. */
const bigCount = z.string().regex(/^\d+$/);
const outcome = z.enum(['clean', 'with-exceptions']);

/** One basepath of it, as it is known when nothing more is done for it. */
export const topdirBasepathSchema = z.strictObject({
  basepathId: z.string(),
  /** Below the directory restored to. */
  name: z.string(),
  backupId: z.string().nullable(),
  capturedAt: z.iso.datetime().nullable(),
  restoreId: z.string().nullable(),
  /** skipped: an earlier start had restored it · unfinished: stopped before it was done. */
  state: z.enum(['restored', 'skipped', 'failed', 'without-backup', 'unfinished']),
  outcome: outcome.nullable(),
  archiveBytes: count,
  problemCount: count,
  error: z.string().nullable(),
});

export const topdirTotalsSchema = z.strictObject({
  basepaths: count,
  restored: count,
  withExceptions: count,
  failed: count,
  withoutBackup: count,
  running: count,
  sourceBytes: bigCount,
  doneBytes: bigCount,
  bytesPerSecond: count.nullable(),
  etaMs: count.nullable(),
});

/** NDJSON of `restore --topdir`. */
export const topdirRestoreLine = z.strictObject({
  v: z.literal(1),
  event: z.enum(['begun', 'basepath', 'progress', 'ended']),
  topdirRestoreId: z.string(),
  topdir: z.string(),
  target: z.string(),
  asOf: z.iso.datetime(),
  basepath: topdirBasepathSchema.nullable(),
  totals: topdirTotalsSchema,
  /** What goes on with it; null: nothing is left to do. */
  repeat: z.string().nullable(),
});

/** One of `status`. */
export const topdirRestoreRowSchema = z.strictObject({
  id: z.string(),
  topdir: z.string(),
  target: z.string(),
  asOf: z.iso.datetime(),
  host: z.string(),
  user: z.string().nullable(),
  startedAt: z.iso.datetime(),
  /** Somebody does it; false: it goes on when somebody resumes it. */
  active: z.boolean(),
  ...topdirTotalsSchema.shape,
});

export type TopdirRestoreRow = z.infer<typeof topdirRestoreRowSchema>;
export type TopdirBasepathRow = z.infer<typeof topdirBasepathSchema>;
export type TopdirTotals = z.infer<typeof topdirTotalsSchema>;
export type TopdirLine = z.infer<typeof topdirRestoreLine>;
