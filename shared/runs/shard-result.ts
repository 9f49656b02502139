import { z } from 'zod';

const count = z.number().int().nonnegative();

export const madeSliceSchema = z.strictObject({
  number: z.number().int().positive(),
  name: z.string(),
  object: z.string(),
  bytes: count,
  sha512: z.string(),
});

export const madeFileSchema = z.strictObject({ name: z.string(), bytes: count, sha512: z.string() });

export const madeArchiveSchema = z.strictObject({
  key: z.string(),
  name: z.string(),
  kind: z.enum(['metadata', 'data', 'removals']),
  entries: count,
  directoriesWithEa: count,
  withEa: count.nullable(),
  slices: z.array(madeSliceSchema),
  /** In the work directory. */
  catalogue: madeFileSchema.nullable(),
  dar: z.strictObject({
    exitCode: z.number().int(),
    wallMs: count,
    peakRssBytes: count.nullable(),
    bytesPerSecond: count,
    filesPerSecond: count,
    lastError: z.string().nullable(),
  }),
});

/**
 * What one start of one shard made, written to the work directory when all of it is done. The job's return
 * value names this file, so exactly one start of each shard counts.
 */
export const shardResultSchema = z.strictObject({
  v: z.literal(1),
  shard: count,
  start: z.string(),
  host: z.string(),
  archives: z.array(madeArchiveSchema),
  /** Names in the work directory. */
  settled: z.string(),
  exceptions: z.string().nullable(),
  log: madeFileSchema.nullable(),
  counts: z.strictObject({ saved: count, vanished: count, changedThenSaved: count, exceptions: count }),
});

export type ShardResult = z.infer<typeof shardResultSchema>;
export type MadeArchive = z.infer<typeof madeArchiveSchema>;
export type MadeSlice = z.infer<typeof madeSliceSchema>;
export type MadeFile = z.infer<typeof madeFileSchema>;
