import { z } from 'zod';
import { BwError } from '../errors/bw-error.js';
import { pathJsonSchema } from '../paths/path-json.js';
import { VERIFY_LEVELS } from '../verify/result.js';

/** Format version of job data: a worker leaves newer jobs to newer workers. */
export const JOB_VERSION = 1;

const v = z.literal(JOB_VERSION);
const id = z.string().regex(/^[A-Za-z0-9._-]+$/);
const priorityClass = z.enum(['restore', 'manual-full', 'full', 'overdue-incremental', 'incremental']);

export const backupJobSchema = z.strictObject({
  v,
  backupId: z.ulid(),
  basepathId: id,
  level: z.enum(['full', 'differential', 'incremental']),
  topdir: z.string(),
  /** Absolute path of the basepath. */
  path: pathJsonSchema,
  priorityClass,
  policyHash: z.string(),
  reason: z.string(),
  /** Take the source although it is another filesystem than last time. */
  acceptSource: z.boolean(),
  /** Make the full from what the chain of this backup holds, without reading the source. */
  consolidates: z.ulid().optional(),
});

export const shardJobSchema = z.strictObject({
  v,
  backupId: z.ulid(),
  basepathId: id,
  shard: z.number().int().positive(),
  /** Whose windows and places count. */
  topdir: z.string().optional(),
  priorityClass,
});

export const transferJobSchema = z.strictObject({
  v,
  backupId: z.ulid(),
  basepathId: id,
  /** Names of transfer items; what they are stands in the items hash. */
  objects: z.array(z.string()).min(1).max(1000),
});

export const releaseJobSchema = z.strictObject({ v, backupId: z.ulid(), basepathId: id, objects: z.array(z.string()).max(1000) });

export const sweepJobSchema = z.strictObject({ v, backupId: z.ulid(), basepathId: id });

/** A host's look at its own staging. */
export const reconcileStagingJobSchema = z.strictObject({ v, dryRun: z.boolean() });

/** What dead transfers left in LTS below these basepaths. */
export const sweepPartsJobSchema = z.strictObject({ v, basepathIds: z.array(id).max(1000) });

/** What describes sealed backups, into bundles · catalog and journal, to every LTS · bundles of which nothing is needed any more, away. */
export const siteJobSchema = z.strictObject({ v });

/** Removed backups whose grace period is over. */
export const eraseJobSchema = z.strictObject({ v, backups: z.array(z.strictObject({ basepathId: id, backupId: z.ulid() })).min(1).max(1000) });

export const restoreJobSchema = z.strictObject({
  v,
  restoreId: z.ulid(),
  basepathId: id,
  backupId: z.ulid(),
  target: z.string(),
  /** Paths below the basepath; empty = everything. */
  paths: z.array(pathJsonSchema).max(10_000),
  conflict: z.enum(['refuse', 'keep', 'rename', 'overwrite']),
  /** Goes on in the directory that this earlier restore made. */
  resumes: z.ulid().optional(),
});

/** `part`: its number in the restore's plan. */
export const restoreArchiveJobSchema = z.strictObject({ v, restoreId: z.ulid(), basepathId: id, part: z.number().int().nonnegative() });

export const verifyJobSchema = z.strictObject({
  v,
  verifyId: z.ulid(),
  basepathId: id,
  backupId: z.ulid(),
  level: z.enum(VERIFY_LEVELS),
  samplePercent: z.number().positive().max(100),
  /** Chooses the sample; the same one chooses the same. */
  seed: z.string(),
  /** Whether an LTS on tape may be read. */
  recall: z.boolean(),
});

/** The copy of a sealed backup in one LTS. */
export const copyJobSchema = z.strictObject({
  v,
  basepathId: id,
  backupId: z.ulid(),
  lts: z.string().min(1),
  /** Look at what is there, too, and make again what is damaged. */
  repair: z.boolean(),
});

export type CopyJob = z.infer<typeof copyJobSchema>;
export type VerifyJob = z.infer<typeof verifyJobSchema>;
export type BackupJob = z.infer<typeof backupJobSchema>;
export type ShardJob = z.infer<typeof shardJobSchema>;
export type TransferJob = z.infer<typeof transferJobSchema>;
export type ReleaseJob = z.infer<typeof releaseJobSchema>;
export type SweepJob = z.infer<typeof sweepJobSchema>;
export type ReconcileStagingJob = z.infer<typeof reconcileStagingJobSchema>;
export type SweepPartsJob = z.infer<typeof sweepPartsJobSchema>;
export type SiteJob = z.infer<typeof siteJobSchema>;
export type EraseJob = z.infer<typeof eraseJobSchema>;
export type RestoreJob = z.infer<typeof restoreJobSchema>;
export type RestoreArchiveJob = z.infer<typeof restoreArchiveJobSchema>;

/** Checks job data when it is read. Throws JOB_INVALID (permanent) with what is wrong. */
export function parseJob<T>(schema: z.ZodType<T>, data: unknown, jobId: string | undefined): T {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new BwError('JOB_INVALID', {
    message: 'the job does not have the shape this version of bw-bkup writes',
    subject: `job ${jobId ?? '?'}`,
    detail: z.prettifyError(parsed.error),
    retry: 'permanent',
    hint: 'Upgrade this worker if a newer producer wrote the job; otherwise remove the job and enqueue anew.',
  });
}
