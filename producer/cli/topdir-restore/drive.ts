import { setTimeout as delay } from 'node:timers/promises';
import { ulid } from 'ulid';
import { mapLimited } from '../../../shared/catalog/map-limited.js';
import { formatError, toBwError } from '../../../shared/errors/bw-error.js';
import { JOB_VERSION, type RestoreJob } from '../../../shared/queues/job-data.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { unreachable } from '../../../shared/redis/check-server.js';
import { redisLocation, workerConnection } from '../../../shared/redis/connect.js';
import { restoreResultSchema } from '../../../shared/runs/restore-result.js';
import type { Decision } from '../../../shared/topdir-restore/decide.js';
import { watchJobs, type Ended } from '../../scheduler/watch-jobs.js';
import type { Session } from '../session.js';
import type { TopdirBasepathRow } from './outputs.js';
import type { PlannedBasepath, Tally } from './tally.js';

export interface Drive {
  readonly session: Session;
  readonly tally: Tally;
  readonly concurrency: number;
  /** Nothing new is begun any more; what runs goes on. */
  readonly stop: AbortSignal;
  /** What runs is not waited for any more. */
  readonly leave: AbortSignal;
  /** What is to do of one now. */
  readonly decide: (basepath: PlannedBasepath) => Promise<Decision>;
  readonly targetOf: (basepath: PlannedBasepath) => string;
  /** Puts what is about to be ordered on record, and learns whether somebody has cancelled it. */
  readonly beforeOrder: () => Promise<void>;
  readonly onEnded: (row: TopdirBasepathRow) => void;
}

/** Restores one basepath after the other, some at a time. Of one that fails the others know nothing. */
export async function driveRestore(drive: Drive): Promise<void> {
  await mapLimited(drive.tally.planned, drive.concurrency, async (basepath) => {
    const row = await restoreOne(drive, basepath).catch((thrown: unknown) => rowOf(basepath, null, { state: 'failed', error: formatError(toBwError(thrown)) }));
    drive.tally.end(row);
    drive.onEnded(row);
  });
}

async function restoreOne(drive: Drive, basepath: PlannedBasepath): Promise<TopdirBasepathRow> {
  if (drive.stop.aborted) return rowOf(basepath, null, { state: 'unfinished' });
  const decision = await drive.decide(basepath);
  if (decision.do === 'done') {
    const { restoreId, backupId, outcome, bytes } = decision;
    return rowOf(basepath, restoreId, { backupId, state: 'skipped', outcome, archiveBytes: bytes });
  }
  const restoreId = decision.do === 'wait' ? decision.restoreId : ulid();
  drive.tally.running.set(basepath.basepathId, restoreId);
  const jobId = `restore.${restoreId}`;
  if (decision.do !== 'wait') {
    const ordered = await patiently(drive, () => order(drive, basepath, decision, restoreId));
    if (!ordered) {
      drive.tally.running.delete(basepath.basepathId);
      return rowOf(basepath, null, { state: 'unfinished' });
    }
  }
  const ended = await waitFor(drive, jobId);
  return endedRow(basepath, restoreId, decision.backupId, ended);
}

/** Intent first: whoever goes on after this process has died looks for the restore that it may have ordered. False: it is to stop. */
async function order({ session, stop, targetOf, beforeOrder }: Drive, basepath: PlannedBasepath, decision: Exclude<Decision, { do: 'done' | 'wait' }>, restoreId: string): Promise<boolean> {
  await beforeOrder();
  if (stop.aborted) return false;
  const { basepathId } = basepath;
  const resumes = decision.do === 'resume' ? { resumes: decision.origin } : {};
  const job: RestoreJob = { v: JOB_VERSION, restoreId, basepathId, backupId: decision.backupId, target: targetOf(basepath), paths: [], conflict: 'refuse', ...resumes };
  await session.queues.backup.add('restore', job, { jobId: `restore.${restoreId}`, priority: priorityOf('restore'), attempts: 2 });
  return true;
}

/** A site's Redis that is away for a while must not fail hundreds of basepaths. A private one does not come back. */
const TRY_AGAIN_MS = 2_000;
const PRIVATE_OUTAGE_MS = 15_000;

/** False: stopped meanwhile. */
async function patiently({ session, stop }: Drive, act: () => Promise<boolean>): Promise<boolean> {
  for (;;) {
    try {
      return await act();
    } catch (thrown) {
      if (session.config.redis.url === null) throw unreachable(redisLocation(session.config), thrown);
      session.logger.warn({ err: toBwError(thrown) }, 'restore not ordered yet: Redis does not answer');
    }
    await delay(TRY_AGAIN_MS, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) return false;
  }
}

/** Null: left before it ended. */
async function waitFor({ session, leave }: Drive, jobId: string): Promise<Ended | null> {
  const found: { ended: Ended | null } = { ended: null };
  const outageMs = session.config.redis.url === null ? PRIVATE_OUTAGE_MS : Infinity;
  await watchJobs(session.queues, workerConnection(session.config), new Set([jobId]), (each) => (found.ended = each), { signal: leave, outageMs });
  return found.ended;
}

function endedRow(basepath: PlannedBasepath, restoreId: string, backupId: string, ended: Ended | null): TopdirBasepathRow {
  if (ended === null) return rowOf(basepath, restoreId, { backupId, state: 'unfinished' });
  if (ended.state === 'failed') return rowOf(basepath, restoreId, { backupId, state: 'failed', error: ended.reason ?? 'unknown' });
  const { outcome, archiveBytes, problemCount } = restoreResultSchema.parse(ended.returnValue);
  return rowOf(basepath, restoreId, { backupId, state: 'restored', outcome, archiveBytes, problemCount });
}

function rowOf({ basepathId, name, backup }: PlannedBasepath, restoreId: string | null, fields: Partial<TopdirBasepathRow> & Pick<TopdirBasepathRow, 'state'>): TopdirBasepathRow {
  const { backupId = backup.backupId } = fields;
  // What an earlier start chose may be another backup than would be chosen today.
  const capturedAt = backupId === backup.backupId ? backup.capturedAt : null;
  return { basepathId, name, backupId, capturedAt, restoreId, outcome: null, archiveBytes: 0, problemCount: 0, error: null, ...fields };
}
