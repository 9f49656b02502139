import type { UnsentShard } from '../../shared/runs/redo-shards.js';
import type { Run } from '../../shared/runs/run-store.js';
import type { Decision } from '../../shared/reconcile/walk.js';

/** As the queue says it. gone: there is no such job; unknown: it is in no list, where no worker would ever find it. */
export type JobState = 'gone' | 'unknown' | 'active' | 'waiting' | 'prioritized' | 'delayed' | 'waiting-children' | 'completed' | 'failed';

/** Slices of one start of a shard, on one host. */
export interface Batch {
  readonly host: string;
  readonly start: string;
  readonly objects: readonly string[];
  readonly bytes: number;
}

export interface RunFacts {
  readonly id: string;
  /** Null: only its id is on record. */
  readonly run: Run | null;
  readonly job: JobState;
  /** How long ago it ended, ms; 0 for one that has not. */
  readonly endedForMs: number;
  /** Of a failed job. */
  readonly failed: { readonly code: string; readonly message: string } | null;
  /** Whether the catalog has its manifest; asked only when the job is gone or failed. */
  readonly isSealed: boolean;
  /** Whether its job can be made again: how often it was already, and whether the basepath's place is taken by another one. */
  readonly requeues: number;
  readonly place: string | null;
  readonly topdir: string | null;
  /** What it waits for; null when it does not wait, or was not looked at so closely. */
  readonly waits: {
    /** Keys of jobs that are to end first, `PREFIX:QUEUE:ID`, and are not in the queue. */
    readonly lost: readonly { readonly queue: string; readonly jobId: string }[];
    /** Shards that are planned, not done and in no queue. */
    readonly lostShards: readonly number[];
    /** How many jobs are to end before it is woken. */
    readonly open: number;
    /** Slices that count and are not on record. */
    readonly lostItems: readonly Batch[];
    /** Slices that count, are not verified everywhere, and that no job sends. */
    readonly unsent: readonly Batch[];
    /** Shards that are done, and whose slices wait for a host that is gone. */
    readonly redo: readonly UnsentShard[];
  } | null;
}

export type RunAct =
  | { readonly act: 'forget' }
  | { readonly act: 'finish-failed' }
  | { readonly act: 'requeue' }
  | { readonly act: 'fail'; readonly error: { readonly code: string; readonly message: string } }
  | { readonly act: 'record-seal' }
  | { readonly act: 'add-shard'; readonly shard: number }
  | { readonly act: 'redo-shard'; readonly shard: number }
  | { readonly act: 'resend'; readonly host: string; readonly jobId: string }
  | { readonly act: 'wake' }
  | { readonly act: 'put-items'; readonly batch: Batch }
  | { readonly act: 'send'; readonly batch: Batch };

/** A job that is lost again and again is taken out by somebody, or by a fault that doing it once more does not mend. */
export const MAX_REQUEUES = 3;

/** Whoever fails a run has put that on record, and ordered its leftovers away, within this, ms. */
const FINISHED_MS = 600_000;

const OPEN: readonly Run['phase'][] = ['planning', 'saving', 'sealing'];
const LOST: readonly JobState[] = ['gone', 'unknown'];

/** What is out of step with one run (pure). */
export function decideRun(facts: RunFacts): Decision<RunAct>[] {
  const { id, run } = facts;
  if (run === null) return [{ kind: 'run-remains', subject: `run ${id}`, detail: 'only its id is on record as running', act: { act: 'forget' } }];
  if (run.phase === 'failed' && facts.endedForMs <= FINISHED_MS) return [];
  if (run.phase === 'failed') return [{ kind: 'run-unreported', subject: `${run.kind} ${id} of ${run.basepathId}`, detail: `${run.error ?? 'it failed'}; whoever noted that did not come as far as to put it on record`, act: { act: 'finish-failed' } }];
  if (!OPEN.includes(run.phase)) return [{ kind: 'run-remains', subject: `run ${id}`, detail: `it is ${run.phase}, and listed as running`, act: { act: 'forget' } }];
  const subject = `${run.kind} ${id} of ${run.basepathId}`;
  if (facts.job === 'failed' || facts.job === 'completed' || LOST.includes(facts.job)) return [decideEnd(facts, run, subject)];
  return facts.waits === null ? [] : decideWaiting(facts.waits, subject);
}

function decideEnd(facts: RunFacts, run: Run, subject: string): Decision<RunAct> {
  if (facts.isSealed) return { kind: 'seal-unrecorded', subject, detail: `its job is ${facts.job}`, act: { act: 'record-seal' } };
  const isLost = LOST.includes(facts.job);
  if (isLost && run.kind === 'backup') {
    const never = whyNotAgain(facts, run);
    if (never === null) return { kind: 'job-lost', subject, detail: `${run.phase}, job ${run.jobId}`, act: { act: 'requeue' } };
    return { kind: 'run-unreported', subject, detail: `its job is gone: ${never}`, act: { act: 'fail', error: gone(never) } };
  }
  const error = facts.failed ?? gone(null);
  return { kind: 'run-unreported', subject, detail: `${error.code}: ${error.message}`, act: { act: 'fail', error } };
}

function whyNotAgain({ requeues, place, topdir }: RunFacts, run: Run): string | null {
  if (place !== null && place !== run.jobId) return `another one waits or runs for this basepath (${place})`;
  if (requeues >= MAX_REQUEUES) return `it was queued again ${requeues} times`;
  return topdir === null ? 'its topdir is not configured any more' : null;
}

function gone(why: string | null): { code: string; message: string } {
  return { code: 'JOB_GONE', message: `the job is not in the queue any more${why === null ? '' : `, and is not queued again: ${why}`}` };
}

function decideWaiting(waits: NonNullable<RunFacts['waits']>, subject: string): Decision<RunAct>[] {
  const found: Decision<RunAct>[] = [];
  for (const shard of waits.lostShards) found.push({ kind: 'child-lost', subject: `${subject}, shard ${shard}`, detail: 'it is planned, not done and in no queue', act: { act: 'add-shard', shard } });
  for (const { shard, host } of waits.redo) found.push({ kind: 'host-gone', subject: `${subject}, shard ${shard}`, detail: `its slices wait for ${host}`, act: { act: 'redo-shard', shard } });
  for (const batch of waits.lostItems) found.push({ kind: 'item-lost', subject: nameOf(subject, batch), detail: sizeOf(batch), bytes: BigInt(batch.bytes), act: { act: 'put-items', batch } });
  for (const batch of waits.unsent) found.push({ kind: 'item-without-job', subject: nameOf(subject, batch), detail: sizeOf(batch), bytes: BigInt(batch.bytes), act: { act: 'send', batch } });
  for (const { queue, jobId } of waits.lost) {
    const host = /^transfer-(.*)$/.exec(queue)?.[1];
    // Shards are told above, and a batch that is still to be sent is queued under the same id.
    if (host !== undefined && !waits.unsent.some((batch) => batch.host === host)) found.push({ kind: 'child-lost', subject: `${subject}, ${queue}:${jobId}`, detail: 'it waits for a transfer that is in no queue', act: { act: 'resend', host, jobId } });
  }
  if (found.length === 0 && waits.open === 0) found.push({ kind: 'seal-asleep', subject, detail: 'all shards and transfers are done', act: { act: 'wake' } });
  return found;
}

function nameOf(subject: string, { start, host }: Batch): string {
  return `${subject}, ${start} on ${host}`;
}

function sizeOf({ objects }: Batch): string {
  return `${objects.length} slice${objects.length === 1 ? '' : 's'}, the first ${objects[0] ?? ''}`;
}
