import { z } from 'zod';

const count = z.number().int().nonnegative();
const bigCount = z.string().regex(/^\d+$/);

const missingCopy = z.strictObject({
  lts: z.string(),
  basepathId: z.string(),
  backupId: z.string(),
  topdir: z.string(),
  sealedAt: z.string(),
  ageMs: count,
  /** What is not there. */
  bytes: bigCount,
  /** Missing for longer than copies.missingFor. */
  overdue: z.boolean(),
  /** What is done about it: running, waiting, parked, failed; null: nothing, or Redis does not answer. */
  state: z.enum(['running', 'waiting', 'parked', 'failed']).nullable(),
  /** Why it is not there: the outage, or how the last try ended; null: not known. */
  why: z.string().nullable(),
});

/** What `--json` of copies prints. */
export const copiesOutput = z.strictObject({
  v: z.literal(1),
  lts: z.array(
    z.strictObject({
      lts: z.string(),
      /** Backups it can restore by itself. */
      complete: count,
      completeBytes: bigCount,
      missing: count,
      missingBytes: bigCount,
      /** Of these, missing for longer than copies.missingFor. */
      overdue: count,
      /** From before it was configured: `copies make --lts` fills it up. */
      absent: count,
      /** Of the missing ones, being made now; null: Redis does not answer. */
      running: count.nullable(),
      oldest: missingCopy.nullable(),
      /** Set while it is out. */
      outage: z.string().nullable(),
    }),
  ),
  /** Of LTS that are not configured any more. */
  unknownLts: z.array(z.string()),
  /** With --missing: each one. */
  missing: z.array(missingCopy).nullable(),
});

export type CopiesOutput = z.infer<typeof copiesOutput>;

/** What `--json` of copies make and copies repair prints. */
export const copyOrdersOutput = z.strictObject({
  v: z.literal(1),
  orders: z.array(
    z.strictObject({
      basepathId: z.string(),
      backupId: z.string(),
      lts: z.string(),
      /** enqueued unless --wait; gone: the backup was removed. */
      state: z.enum(['enqueued', 'done', 'gone', 'failed']),
      objects: count,
      bytes: count,
      error: z.string().nullable(),
    }),
  ),
});

export type CopyOrdersOutput = z.infer<typeof copyOrdersOutput>;
