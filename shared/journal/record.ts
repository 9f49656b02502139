import { z } from 'zod';
import { pathJsonSchema } from '../paths/path-json.js';

export const JOURNAL_VERSION = 1;

const backupId = z.ulid();
const basepathId = z.string().min(1);
const level = z.enum(['full', 'differential', 'incremental']);
const instant = z.iso.datetime();
const count = z.number().int().nonnegative();
/** Byte counts as decimal text, as in manifests: they can exceed 2^53. */
const bigCount = z.string().regex(/^\d+$/);
const errorSchema = z.object({ code: z.string(), message: z.string() });
const endedSchema = z.object({ error: errorSchema.nullable(), startedAt: instant, endedAt: instant, bytes: bigCount, files: count });

/** Added by the journal. `at` has milliseconds and `Z`, so that its text sorts by time. */
const stamp = { v: z.literal(JOURNAL_VERSION), at: z.iso.datetime({ precision: 3 }), writer: z.string() };

const kind = <K extends string, S extends z.core.$ZodLooseShape>(name: K, fields: S) =>
  z.object({ ...stamp, kind: z.literal(name), ...fields });

/**
 * One line. Objects, not strict ones: a newer bw-bkup may add fields, which an older one ignores.
 * A change of meaning takes a new kind (older readers skip and count it) or a new JOURNAL_VERSION.
 */
export const journalRecordSchema = z.discriminatedUnion('kind', [
  /** The basepath at this absolute path has this id; also written when a known one has come back or changed inode or owner. */
  kind('basepath-assigned', {
    basepathId,
    topdir: z.string(),
    path: pathJsonSchema,
    /** Decimal: inode numbers exceed 2^53. */
    rootInode: z.string(),
    owner: z.string(),
    /** 1, or more where an earlier basepath had this path and is another one. */
    generation: z.number().int().positive(),
    /** What inode numbers are numbers of: type and id of the topdir's filesystem, and whether the basepath is a mount of its own. */
    filesystem: z.string().optional(),
  }),
  /** An operator said that the basepath with this id was moved here; its chain goes on. */
  kind('basepath-renamed', { basepathId, topdir: z.string(), from: pathJsonSchema, path: pathJsonSchema, rootInode: z.string(), owner: z.string(), filesystem: z.string().optional(), user: z.string().optional() }),
  kind('basepath-seen-deleted', { basepathId, path: pathJsonSchema }),
  kind('attempt-started', { backupId, basepathId, level, host: z.string() }),
  kind('attempt-ended', {
    backupId,
    basepathId,
    level,
    /** interrupted: stopped by preemption, drain or the worker's death; goes on later and is no failure. */
    outcome: z.enum(['clean', 'with-exceptions', 'failed', 'interrupted']),
    ...endedSchema.shape,
  }),
  kind('sealed', { backupId, basepathId }),
  /** A restore has made its directory and begins: what `restore --resume` goes on with. */
  kind('restore-begun', {
    restoreId: z.string().min(1),
    backupId,
    basepathId,
    target: pathJsonSchema,
    paths: z.array(pathJsonSchema),
    conflict: z.enum(['refuse', 'keep', 'rename', 'overwrite']),
    /** The restore that made the directory: this one, or the first of those that it goes on with. */
    origin: z.string().min(1),
    /** Inode of that directory. */
    directory: z.string(),
  }),
  kind('restore-ended', {
    restoreId: z.string().min(1),
    backupId,
    basepathId,
    target: pathJsonSchema,
    outcome: z.enum(['clean', 'with-exceptions', 'failed', 'interrupted']),
    ...endedSchema.shape,
  }),
  /** Every basepath of a topdir is restored as of a time, each below `target` by its name; again where an operator goes on with it. */
  kind('topdir-restore-begun', {
    topdirRestoreId: z.ulid(),
    topdir: z.string(),
    target: z.string(),
    /** As of when. */
    asOf: instant,
    basepaths: count,
    user: z.string().optional(),
  }),
  kind('topdir-restore-ended', {
    topdirRestoreId: z.ulid(),
    topdir: z.string(),
    target: z.string(),
    /** interrupted: its operator, or the end of his session, stopped it; failed: some basepaths could not be restored. */
    outcome: z.enum(['clean', 'with-exceptions', 'failed', 'interrupted']),
    restored: count,
    failed: count,
    withoutBackup: count,
    startedAt: instant,
    endedAt: instant,
  }),
  kind('verified', {
    backupId,
    basepathId,
    /** Rungs of the ladder: files of the catalog · slices hashed at the far end · read back and tested by dar · restored and compared. */
    method: z.enum(['catalog', 'slices', 'archives', 'restore-drill']),
    outcome: z.enum(['sound', 'damaged']),
    error: errorSchema.nullable(),
    /** What was looked at. */
    bytes: bigCount,
    files: count,
    /** Share of it that was chosen, and by what. */
    samplePercent: z.number().default(100),
    seed: z.string().default(''),
    /** Of it, from tape: counts against the recall budget. */
    recalledObjects: count.default(0),
    recalledBytes: bigCount.default('0'),
  }),
  /** Got its tombstone: it is gone for every reader, and is erased after that instant unless somebody undeletes it. */
  kind('removed', { backupId, basepathId, reason: z.string(), eraseAfter: instant }),
  kind('undeleted', { backupId, basepathId, user: z.string().optional() }),
  /** Its objects in every LTS and its files in the catalog are gone. */
  kind('erased', { backupId, basepathId, objects: count, bytes: bigCount }),
  /** What describes these backups lies in this bundle of an LTS; several records where there are many. One with none comes before it is sent: no bundle of ours is unknown. */
  kind('metadata-bundled', { lts: z.string(), object: z.string(), bytes: bigCount, backups: z.array(z.object({ basepathId, backupId })) }),
  /** Catalog and journal as they were at that instant lie in these objects of an LTS. */
  kind('snapshot-stored', { lts: z.string(), objects: z.array(z.string()).min(1), bytes: bigCount, backups: count, startedAt: instant }),
  /** Protects a backup, or (null) all of a basepath, from every removal until released. */
  kind('held', { basepathId, backupId: backupId.nullable(), reason: z.string(), user: z.string().optional() }),
  kind('released', { basepathId, backupId: backupId.nullable(), reason: z.string(), user: z.string().optional() }),
  /** A backup that sealed flagged as shrunk is as it should be: what was before it may go. */
  kind('accepted', { backupId, basepathId, reason: z.string(), user: z.string().optional() }),
  /** An operator knows of the failure of this backup: it is no alarm any more. */
  kind('dismissed', { basepathId, backupId, reason: z.string(), user: z.string().optional() }),
  /** A prune of a topdir was carried out under this retention (hash of its settings). */
  kind('pruned', { topdir: z.string(), policy: z.string(), removed: count, accepted: z.boolean() }),
  /** What a person decided: act is the command (`dismiss`, `accept-shrunk`, ...). */
  kind('operator', {
    act: z.string().min(1),
    reason: z.string(),
    user: z.string().optional(),
    subject: z.string().optional(),
  }),
]);

export type JournalRecord = z.infer<typeof journalRecordSchema>;
export type JournalKind = JournalRecord['kind'];
export type RecordOf<K extends JournalKind> = Extract<JournalRecord, { kind: K }>;

type Unstamped<R> = R extends JournalRecord ? Omit<R, keyof typeof stamp> : never;
/** What a caller appends. */
export type JournalEntry = Unstamped<JournalRecord>;

export const JOURNAL_KINDS: ReadonlySet<string> = new Set(journalRecordSchema.options.map((option) => option.shape.kind.value));
