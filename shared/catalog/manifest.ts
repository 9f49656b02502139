import { z } from 'zod';
import { pathJsonSchema } from '../paths/path-json.js';

export const MANIFEST_FORMAT = 'bw-bkup-manifest';
/** 2: backups with a parent. Version 1 (fulls only) is read too. */
export const MANIFEST_VERSION = 2;

const sha512 = z.string().regex(/^[0-9a-f]{128}$/);
/** Components of plain letters, never `.` or `..`: a name that leads out of its directory is no object name. */
const objectName = z.string().regex(/^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/);
const count = z.number().int().nonnegative();
/** Byte counts as decimal text: totals of a big basepath can exceed 2^53. */
const bigCount = z.string().regex(/^\d+$/);
const instant = z.iso.datetime();

/** Where an object lies in an LTS; offset and length so that small files can be bundled later. */
export const locationSchema = z.strictObject({ object: objectName, offset: count, length: count });

/** A file of ours kept in the catalog and in every LTS. */
export const storedFileSchema = z.strictObject({
  /** Name in the backup's catalog directory. */
  name: objectName,
  bytes: count,
  sha512,
  locations: z.record(z.string(), locationSchema),
});

export const sliceSchema = z.strictObject({
  number: z.number().int().positive(),
  name: objectName,
  bytes: count,
  sha512,
  locations: z.record(z.string(), locationSchema),
});

export const archiveSchema = z.strictObject({
  /** `SHARD.SEGMENT`, what index records name. */
  key: z.string().regex(/^\d+\.\d+$/),
  /** dar base name. */
  name: objectName,
  /** metadata: the basepath directory's own owner, mode, ACL, xattrs, times · data: what a shard lists · removals. */
  kind: z.enum(['metadata', 'data', 'removals']),
  /** Archives are restored in this order; equal ones may run in parallel. */
  restoreOrder: count,
  entries: count,
  /** Directories that carry extended attributes: a restore makes its second ACL pass only where there are some. */
  directoriesWithEa: count,
  /** Entries of any type that carry extended attributes; null: not known. Where a chain has none, none has to be taken away. */
  withEa: count.nullable().default(null),
  keyId: z.string().nullable(),
  slices: z.array(sliceSchema).min(1),
  /** Isolated catalogue; null for archives too small to need one. */
  catalogue: storedFileSchema.nullable(),
  dar: z.strictObject({
    version: z.string(),
    exitCode: z.number().int(),
    host: z.string(),
    wallMs: count,
    peakRssBytes: count.nullable(),
    bytesPerSecond: count,
    filesPerSecond: count,
    lastError: z.string().nullable(),
  }),
});

export const manifestSchema = z.strictObject({
  format: z.literal(MANIFEST_FORMAT),
  version: z.union([z.literal(1), z.literal(MANIFEST_VERSION)]),
  backupId: z.ulid(),
  basepathId: objectName,
  level: z.enum(['full', 'differential', 'incremental']),
  /** The backup whose state this one was compared with; null for a full. */
  parent: z.ulid().nullable(),
  /** Ancestors up to the full: 0 for a full. */
  depth: count.default(0),
  /** Why this level was chosen. */
  reason: z.string().default(''),
  /** Much less was there than in the parent's state: the old chain is kept until an operator accepts it (invariant 8). */
  shrunk: z.boolean().default(false),
  source: z.strictObject({
    topdir: z.string(),
    /** Absolute path of the basepath. */
    path: pathJsonSchema,
    /** Absolute path that was read (differs from path when reading a snapshot). */
    readFrom: pathJsonSchema,
    fsType: z.string(),
    fsId: z.string(),
    rootInode: z.string(),
    owner: z.string(),
  }),
  /**
   * Made of an archive that another program wrote: what it holds is known from its catalogue alone, never compared with a source. It covers no basepath and
   * is no parent of a backup.
   */
  imported: z.strictObject({ from: z.string(), at: instant }).optional(),
  /** LTS that were to have all of it and had not when it sealed; absent: none. Their copies are made up later (copies.ts). */
  lacks: z.array(z.string()).optional(),
  policyHash: z.string(),
  startedAt: instant,
  /** Start of the scan: what the backup holds is not older than this. */
  capturedAt: instant,
  sealedAt: instant,
  outcome: z.enum(['clean', 'with-exceptions']),
  counts: z.strictObject({
    /** Of the whole state, as are directories and sourceBytes. */
    records: count,
    directories: count,
    /** Apparent bytes of regular files, hard links once. */
    sourceBytes: bigCount,
    archiveBytes: bigCount,
    exceptions: count,
    vanished: count,
    changedThenSaved: count,
    /** Compared with the parent: records that were to be saved, and records that are gone. 0 for a full. */
    changed: count.default(0),
    removed: count.default(0),
  }),
  /** Of a full its whole state; with a parent the difference to the parent's (shared/index/state.ts). */
  index: storedFileSchema,
  /** NDJSON of {path, reason, detail}; null when there are none. */
  exceptions: storedFileSchema.nullable(),
  logs: z.array(storedFileSchema),
  /** None where nothing had changed. */
  archives: z.array(archiveSchema),
  software: z.strictObject({ bwBkup: z.string(), node: z.string() }),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestArchive = z.infer<typeof archiveSchema>;
export type ManifestSlice = z.infer<typeof sliceSchema>;
export type StoredFile = z.infer<typeof storedFileSchema>;
export type ObjectLocation = z.infer<typeof locationSchema>;
