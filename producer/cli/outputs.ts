import { z } from 'zod';
import { pathJsonSchema } from '../../shared/paths/path-json.js';
import { outageRowSchema } from './breaker/outputs.js';
import { hangsSchema } from './hangs/outputs.js';
import { topdirRestoreRowSchema } from './topdir-restore/outputs.js';
import { drainedRowSchema } from './work/outputs.js';

/**
 * What `--json` prints, one schema per command; documented in producer/cli/README.md, checked by a test. Fields are only
 * ever added; a change of meaning raises `v`.
 */
const count = z.number().int().nonnegative();
const bigCount = z.string().regex(/^\d+$/);
const instant = z.iso.datetime();
const level = z.enum(['full', 'differential', 'incremental']);
const outcome = z.enum(['clean', 'with-exceptions']);

/** Any command that cannot do what it was asked for prints this instead (`ls` and `exceptions`: as last line). */
export const errorOutput = z.strictObject({
  v: z.literal(1),
  error: z.strictObject({ code: z.string(), message: z.string(), subject: z.string().nullable(), detail: z.string().nullable(), hint: z.string() }),
});

export const backupRowSchema = z.strictObject({
  backupId: z.string(),
  basepathId: z.string(),
  path: pathJsonSchema,
  level,
  outcome,
  capturedAt: instant,
  sealedAt: instant,
  /** Wall time from start to seal, ms. */
  durationMs: count,
  records: count,
  sourceBytes: bigCount,
  archiveBytes: bigCount,
  archives: count,
  slices: count,
  exceptions: count,
  vanished: count,
  changedThenSaved: count,
  /** Reason of the hold that protects it. */
  held: z.string().nullable(),
  /** Flagged as shrunk, and nobody has accepted it yet. */
  toAccept: z.boolean(),
  /** Made of an archive of another program. */
  imported: z.boolean(),
  /** The strongest verification that found it sound, after which none found damage. */
  verified: z.enum(['catalog', 'slices', 'archives', 'restore-drill']).nullable(),
});

export const backupsOutput = z.strictObject({
  v: z.literal(1),
  backups: z.array(backupRowSchema),
  /** Manifests that cannot be read. */
  damaged: z.array(z.strictObject({ basepathId: z.string(), backupId: z.string(), code: z.string(), message: z.string() })),
});

export const statusRowSchema = z.strictObject({
  basepathId: z.string(),
  path: pathJsonSchema.nullable(),
  topdir: z.string().nullable(),
  state: z.enum(['never', 'ok', 'exceptions', 'failed-since', 'deleted']),
  lastBackupId: z.string().nullable(),
  lastCapturedAt: instant.nullable(),
  lastFullCapturedAt: instant.nullable(),
  ageMs: count.nullable(),
  pastDueMs: count.nullable(),
  exceptions: count,
  records: count,
  sourceBytes: bigCount,
  lastProvenAt: instant.nullable(),
  lastProvenBackupId: z.string().nullable(),
  lastVerified: z.strictObject({ backupId: z.string(), at: instant, method: z.string(), outcome: z.enum(['sound', 'damaged']) }).nullable(),
  /** Of the newest failure that nothing sealed since has settled; dismissed: an operator said that he knows. */
  lastError: z.strictObject({ backupId: z.string(), code: z.string(), message: z.string(), at: instant, dismissed: z.boolean() }).nullable(),
  /** It looks like this one, which is gone: `basepath rename` keeps the chain. */
  looksLike: z.strictObject({ basepathId: z.string(), path: pathJsonSchema }).nullable(),
  /** Reason of the hold on all of it. */
  held: z.string().nullable(),
  /** Backups flagged as shrunk that nobody has accepted yet. */
  toAccept: z.array(z.string()),
});

export const runRowSchema = z.strictObject({
  id: z.string(),
  kind: z.enum(['backup', 'restore', 'verify', 'copy']),
  basepathId: z.string(),
  phase: z.string(),
  startedAt: instant,
  records: count,
  /** Of a backup that is being planned. */
  entriesFound: count,
  entriesDone: count,
  sourceBytes: bigCount,
  archiveBytes: count,
  sentBytes: count,
});

export const statusOutput = z.strictObject({
  v: z.literal(1),
  basepaths: z.array(statusRowSchema),
  /** By LTS that lacks copies; overdue: missing for longer than copies.missingFor. */
  copies: z.array(z.strictObject({ lts: z.string(), missing: count, missingBytes: bigCount, overdue: count, oldestSealedAt: instant.nullable() })),
  /** Running work; null when Redis does not answer. */
  running: z.array(runRowSchema).nullable(),
  /** Restores of whole topdirs; null when Redis does not answer. */
  topdirRestores: z.array(topdirRestoreRowSchema).nullable(),
  /** Jobs by queue and state; null when Redis does not answer. */
  queues: z.record(z.string(), z.record(z.string(), count)).nullable(),
  /** Jobs that may not start now; null when Redis does not answer. */
  parked: z.array(z.strictObject({ topdir: z.string(), reason: z.enum(['window', 'concurrency', 'incident', 'hung']), jobs: count })).nullable(),
  /** Hosts that take no new work; null when Redis does not answer. */
  drained: z.array(drainedRowSchema).nullable(),
  /** What the last round of the reconciler found; null when there was none, or Redis does not answer. */
  reconciled: z.strictObject({ at: instant, repaired: count, left: count, problems: count }).nullable(),
  /** What is out, so that jobs wait; null when Redis does not answer. */
  outages: z.array(outageRowSchema).nullable(),
  /** What hung, and what follows; null when Redis does not answer. */
  hangs: hangsSchema.nullable(),
});

/** One line per entry (NDJSON). */
export const lsLine = z.strictObject({
  path: pathJsonSchema,
  type: z.string(),
  size: bigCount,
  mtime: z.string(),
  mode: z.string(),
  uid: z.string(),
  gid: z.string(),
  nlink: count,
  flags: z.string(),
  archive: z.string(),
  /** Backup of the chain whose archive it is. */
  backupId: z.string().nullable(),
});

/** One line per exception (NDJSON), as kept in the catalog. */
export const exceptionLineOutput = z.strictObject({ path: pathJsonSchema, reason: z.string(), detail: z.string() });

export const backupOutput = z.strictObject({
  v: z.literal(1),
  backupId: z.string(),
  jobId: z.string(),
  basepathId: z.string(),
  level,
  /** One was waiting or running already: this is that one. */
  existing: z.boolean(),
  /** enqueued unless --wait. */
  state: z.enum(['enqueued', 'sealed', 'failed']),
  outcome: outcome.nullable(),
  error: z.string().nullable(),
});

export const restoreOutput = z.strictObject({
  v: z.literal(1),
  restoreId: z.string(),
  backupId: z.string(),
  target: z.string(),
  state: z.enum(['enqueued', 'done', 'failed']),
  outcome: outcome.nullable(),
  archives: count,
  archiveBytes: count,
  /** Files that an earlier restore into the directory had left as they should be. */
  skipped: count,
  problemCount: count,
  problems: z.array(z.strictObject({ where: z.string(), problem: z.string() })),
  compared: z
    .strictObject({
      same: z.boolean(),
      entries: count,
      bytes: count,
      totalDifferences: count,
      differences: z.array(z.strictObject({ path: pathJsonSchema, field: z.string(), left: z.string(), right: z.string() })),
    })
    .nullable(),
  error: z.string().nullable(),
});

export const rebuildOutput = z.strictObject({
  v: z.literal(1),
  backups: count,
  basepaths: count,
  /** Backups that only long-term storage had, sealed again. */
  adopted: z.array(z.string()),
  fromLts: z.strictObject({ snapshot: z.string().nullable(), objectsRead: count, removed: count, journals: count }).nullable(),
  problems: z.array(z.strictObject({ code: z.string(), message: z.string(), subject: z.string().nullable() })),
});

export const standaloneOutput = z.strictObject({
  v: z.literal(1),
  sealed: count,
  withExceptions: count,
  failed: count,
  /** Waiting or running when a signal ended the command; they go on at the next start. */
  unfinished: count,
  failures: z.array(z.strictObject({ basepathId: z.string(), backupId: z.string(), error: z.string() })),
  topdirs: z.array(
    z.strictObject({ topdir: z.string(), found: count, added: count, deleted: count, enqueued: count, error: z.string().nullable() }),
  ),
});

const verdictSchema = z.strictObject({
  basepathId: z.string(),
  path: pathJsonSchema,
  topdir: z.string(),
  /** A full, or an incremental or differential. */
  kind: z.enum(['full', 'other']),
  act: z.enum(['enqueue', 'hold', 'in-flight', 'nothing']),
  level: level.nullable(),
  priorityClass: z.string().nullable(),
  priority: count.nullable(),
  reason: z.string(),
});

export const planOutput = z.strictObject({
  v: z.literal(1),
  /** False: Redis does not answer, so what waits or runs is not known. */
  live: z.boolean(),
  plan: z.array(verdictSchema),
  /** Of the newest backup, what the exclude patterns take out of the next; null without BASEPATH. */
  excluded: z.strictObject({ entries: count, bytes: bigCount, paths: z.array(pathJsonSchema) }).nullable(),
});

export const capacityOutput = z.strictObject({
  v: z.literal(1),
  slots: count,
  slotsNeeded: z.number(),
  fits: z.boolean(),
  topdirs: z.array(
    z.strictObject({ topdir: z.string(), basepaths: count, measured: count, fullBytes: z.number(), bytesPerSlotSecond: z.number().nullable(), fullSlots: z.number(), otherSlots: z.number() }),
  ),
});
