import { z } from 'zod';

/**
 * What can be out of step, and what is done about it. repair: safe, and done · report: left to a person, since either choice could be wrong.
 * README.md has the same table.
 */
export const FINDINGS = {
  'job-lost': { act: 'repair', means: 'a backup is on record as running and its job is not in the queue: it is queued again and goes on where it was' },
  'run-unreported': { act: 'repair', means: 'a run is on record as running and its job failed, or is gone and cannot be queued again: its end goes on record' },
  'seal-unrecorded': { act: 'repair', means: 'a backup is sealed and still on record as running, without a job that would finish it' },
  'child-lost': { act: 'repair', means: 'a backup waits for a shard or transfer whose job is not in the queue: it is queued again' },
  'host-gone': { act: 'repair', means: 'slices of a finished shard wait for a host where no worker was heard for ten minutes: the shard is done once more, elsewhere' },
  'seal-asleep': { act: 'repair', means: 'a backup waits and all it waits for is done: it is woken to be sealed' },
  'item-lost': { act: 'repair', means: 'slices of a finished shard are not on record to be sent: they are put there again' },
  'item-without-job': { act: 'repair', means: 'slices are on record to be sent and no job sends them: one is queued' },
  'job-without-run': { act: 'repair', means: 'a job belongs to a run that has ended or is not on record: it is taken out of the queue' },
  'sweep-failed': { act: 'repair', means: 'a cleanup job failed for good: it is tried again' },
  'run-remains': { act: 'repair', means: 'Redis keeps fields of a run that is not on record any more' },
  'place-unheld': { act: 'repair', means: 'the place of a basepath in the queue is held by a job that is not there: nothing of it would be enqueued' },
  'outbox-left': { act: 'repair', means: 'slices or files of no running backup wait for a transfer task on a host where no worker was heard for ten minutes: they are taken off the list' },
  'run-lost': { act: 'repair', means: 'work of a backup lies in the catalog and Redis has never heard of it: its end goes on record, and it is swept' },
  'work-left': { act: 'repair', means: 'the work directory of a backup that ended was not swept' },
  'work-unexplained': { act: 'repair', means: 'a work directory that no attempt on record explains, a day old' },
  'index-stale': { act: 'repair', means: 'Redis\' index of the catalog does not say what the sealed backups of a basepath say' },
  'seal-unjournaled': { act: 'repair', means: 'the journal does not know that a backup sealed' },
  'failures-stale': { act: 'repair', means: 'what Redis remembers of failures of a basepath is not what the journal says' },
  'letter-settled': { act: 'repair', means: 'a dead letter that a later backup has made good' },
  'letter-missing': { act: 'repair', means: 'a failure on record that nothing has made good has no dead letter' },
  'seal-unfinished': { act: 'repair', means: 'long-term storage holds a manifest that the catalog does not: the seal is finished' },
  'copy-missing': { act: 'repair', means: 'a long-term storage lacks its copy of a sealed backup and no job makes it: one is queued' },
  'objects-left': { act: 'repair', means: 'objects in long-term storage of a backup that ended, which no manifest names: its cleanup is ordered again' },
  'staging-left': { act: 'repair', means: 'staging of a backup that ended, or is not on record' },
  'staging-stale': { act: 'repair', means: 'staging of a start of a finished shard that does not count' },
  'staging-foreign': { act: 'report', means: 'something in staging that is not ours; it goes when it is a week old' },
  'backup-missing': { act: 'report', means: 'the journal knows that a backup sealed, and neither catalog nor long-term storage has it' },
  'manifest-unusable': { act: 'report', means: 'the manifest of a sealed backup cannot be read' },
  'object-missing': { act: 'report', means: 'a sealed backup names an object that long-term storage does not have' },
  'object-differs': { act: 'report', means: 'a sealed backup names an object that has another size in long-term storage' },
  'objects-unexplained': { act: 'report', means: 'objects in long-term storage that no manifest names and no run on record explains' },
} as const satisfies Readonly<Record<string, { readonly act: 'repair' | 'report'; readonly means: string }>>;

export type FindingKind = keyof typeof FINDINGS;
export const FINDING_KINDS = Object.keys(FINDINGS) as [FindingKind, ...FindingKind[]];

/**
 * found: nothing was done (dry run) · repaired · left: to a person · failed: the repair did not succeed, and is tried again the next time.
 */
export const findingSchema = z.strictObject({
  kind: z.enum(FINDING_KINDS),
  /** What it is about: a backup, basepath, job, directory. */
  subject: z.string(),
  detail: z.string(),
  /** How much of it there is; decimal text, null where that says nothing. */
  bytes: z.string().nullable(),
  state: z.enum(['found', 'repaired', 'left', 'failed']),
  /** What a person can call; null where nothing is left to do. */
  command: z.string().nullable(),
  /** Why a repair failed. */
  error: z.string().nullable(),
});

export type Finding = z.infer<typeof findingSchema>;

/** What a host says of its own staging. */
export const stagingReportSchema = z.object({ findings: z.array(findingSchema) });
