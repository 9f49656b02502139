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
 * value names this file, so exactly one start of each shard counts, and the kept parts it goes on from.
 */
export const shardResultSchema = z.strictObject({
  v: z.literal(1),
  shard: count,
  start: z.string(),
  host: z.string(),
  archives: z.array(madeArchiveSchema),
  /** Names in the work directory. settled: with what the kept parts have settled; everything else is of this start alone. */
  settled: z.string(),
  exceptions: z.string().nullable(),
  log: madeFileSchema.nullable(),
  counts: z.strictObject({ saved: count, vanished: count, changedThenSaved: count, exceptions: count }),
  /** Archives that were thrown away: a slice of theirs may have been sent before. */
  discarded: count.default(0),
  /** Files of the kept parts that this start went on from, the oldest first. */
  earlier: z.array(z.string()).default([]),
});

/** What a start that was stopped leaves to the next one: what it saved, and what is left. Counts once the run's record names it. */
export const shardPartSchema = shardResultSchema.extend({
  /** Lines of `settled`. */
  settledRecords: count,
  /** Records still to be saved, in the work directory. */
  left: z.strictObject({ file: z.string(), records: count, bytes: z.string() }),
  /** Number of the last archive of data, kept or not: the next one has a higher. */
  segment: count,
  /** Whether what the first shard brings along is in it. */
  extras: z.boolean(),
});

export type ShardResult = z.infer<typeof shardResultSchema>;
export type ShardPart = z.infer<typeof shardPartSchema>;
export type MadeArchive = z.infer<typeof madeArchiveSchema>;
export type MadeSlice = z.infer<typeof madeSliceSchema>;
export type MadeFile = z.infer<typeof madeFileSchema>;
