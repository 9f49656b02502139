import { z } from 'zod';
import { pathJsonSchema } from '../../../shared/paths/path-json.js';

/** As in ../outputs.ts: what `--json` prints, documented in ../README.md. */
const count = z.number().int().nonnegative();
const bigCount = z.string().regex(/^\d+$/);
const instant = z.iso.datetime();
const level = z.enum(['full', 'differential', 'incremental']);

export const prunedBackupSchema = z.strictObject({
  backupId: z.string(),
  level,
  capturedAt: instant,
  bytes: bigCount,
  keep: z.boolean(),
  reasons: z.array(z.string()),
});

export const pruneOutput = z.strictObject({
  v: z.literal(1),
  dryRun: z.boolean(),
  topdirs: z.array(z.strictObject({ topdir: z.string(), backups: count, remove: count, removeBytes: bigCount, waits: z.string().nullable() })),
  /** Of a dry run all; else those of which something was to be removed. */
  basepaths: z.array(z.strictObject({ basepathId: z.string(), path: pathJsonSchema.nullable(), backups: z.array(prunedBackupSchema) })),
  removed: z.array(z.string()),
  withheld: z.array(z.strictObject({ backupId: z.string(), reason: z.string() })),
  /** Removed earlier and not erased yet. */
  pending: z.array(z.strictObject({ basepathId: z.string(), backupId: z.string(), state: z.enum(['removed', 'erasing']), eraseAfter: instant.nullable(), reason: z.string().nullable() })),
  /** Given to the eraser. */
  erasing: count,
  /** With --to-free. */
  toFree: z
    .strictObject({
      wanted: bigCount,
      byRetention: bigCount,
      chains: z.array(z.strictObject({ basepathId: z.string(), backups: z.array(z.string()), newestCapturedAt: instant, bytes: bigCount })),
      enough: z.boolean(),
    })
    .nullable(),
});

export const undeleteOutput = z.strictObject({ v: z.literal(1), basepathId: z.string(), backupId: z.string(), back: z.array(z.string()) });

export const holdOutput = z.strictObject({
  v: z.literal(1),
  basepathId: z.string(),
  /** null: the whole basepath. */
  backupId: z.string().nullable(),
  held: z.boolean(),
  reason: z.string().nullable(),
  /** Backups it covers that have a tombstone: held means not erased, `undelete` brings them back. */
  removed: z.array(z.string()),
  /** Those for which a hold came too late, or perhaps too late: erased, or about to be. */
  erasing: z.array(z.string()),
});

export const renameOutput = z.strictObject({ v: z.literal(1), basepathId: z.string(), from: pathJsonSchema, path: pathJsonSchema, retiredId: z.string() });

export const acceptOutput = z.strictObject({ v: z.literal(1), basepathId: z.string(), accepted: z.array(z.string()) });

const usageSchema = z.strictObject({
  backups: count,
  bytes: bigCount,
  /** Of these, of backups that are removed and not yet erased. */
  removedBytes: bigCount,
  /** What was sealed in the last 30 days. */
  grownBytes: bigCount,
});

export const usageOutput = z.strictObject({
  v: z.literal(1),
  topdirs: z.array(usageSchema.extend({ topdir: z.string() })),
  basepaths: z.array(usageSchema.extend({ basepathId: z.string(), path: pathJsonSchema.nullable(), topdir: z.string().nullable() })),
  lts: z.array(z.strictObject({ lts: z.string(), freeBytes: bigCount.nullable(), bytesPerDay: bigCount, daysToFull: count.nullable(), error: z.string().nullable() })),
});
