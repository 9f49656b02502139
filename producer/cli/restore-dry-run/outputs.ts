import { z } from 'zod';

const count = z.number().int().nonnegative();
const bigCount = z.string().regex(/^\d+$/);

const ltsSchema = z.strictObject({
  lts: z.string(),
  objects: count,
  bytes: bigCount,
  /** Of these, what comes through staging; the rest is read where it lies. */
  fetchedBytes: bigCount,
  onTapeObjects: count,
  onTapeBytes: bigCount,
  /** False: the storage does not tell, all of it counts as on tape. */
  onTapeKnown: z.boolean(),
});

export const dryRunBasepathSchema = z.strictObject({
  basepathId: z.string(),
  /** Below the directory restored to; null where it is that directory itself. */
  name: z.string().nullable(),
  /** skipped: an earlier start has restored it. */
  state: z.enum(['to-restore', 'skipped', 'without-backup']),
  backupId: z.string().nullable(),
  capturedAt: z.iso.datetime().nullable(),
  /** The full first. */
  chain: z.array(z.strictObject({ backupId: z.string(), level: z.string(), capturedAt: z.iso.datetime(), archives: count, slices: count, bytes: bigCount })),
  lts: z.array(ltsSchema),
  /** False: no more than this is read, perhaps less. */
  exact: z.boolean(),
  records: count,
  /** What regular files hold, each name of a hard-linked one counted when only paths are restored. */
  targetBytes: bigCount,
  /** Slices that no configured LTS has. */
  missing: z.array(z.string()),
});

export const restoreDryRunOutput = z.strictObject({
  v: z.literal(1),
  target: z.string(),
  topdir: z.string().nullable(),
  asOf: z.iso.datetime().nullable(),
  basepaths: z.array(dryRunBasepathSchema),
  /** All of it. */
  lts: z.array(ltsSchema),
  exact: z.boolean(),
  /** Room for the largest archive, of a host that restores one at a time. */
  stagingBytes: bigCount,
  targetBytes: bigCount,
  /** Null: nobody knows. */
  targetFreeBytes: bigCount.nullable(),
  fits: z.boolean(),
  /** From what earlier restores took, recall from tape not counted; null: there were none. */
  estimate: z.strictObject({ bytesPerSecond: count, restores: count, durationMs: count }).nullable(),
});

export type DryRunBasepath = z.infer<typeof dryRunBasepathSchema>;
export type DryRun = z.infer<typeof restoreDryRunOutput>;
export type DryRunLts = z.infer<typeof ltsSchema>;
