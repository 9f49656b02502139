import { join } from 'node:path';
import { ulid } from 'ulid';
import type { Ended } from '../../../producer/scheduler/watch-jobs.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { toPathJson } from '../../../shared/paths/path-json.js';
import { JOB_VERSION, type RestoreJob } from '../../../shared/queues/job-data.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { restoreResultSchema, type RestoreResult } from '../../../shared/runs/restore-result.js';
import type { TestSite } from '../../helpers/site.js';

export interface Restored {
  readonly ended: Ended;
  /** Absolute directory asked for. */
  readonly target: string;
}

/** Runs a restore as a job, as the command orders it; default target: a new directory below the allowed one. */
export async function restore(site: TestSite, manifest: Manifest, options: { target?: string; paths?: readonly BytePath[] } = {}): Promise<Restored> {
  const restoreId = ulid();
  const target = options.target ?? join(site.dir, 'restore', restoreId);
  const job: RestoreJob = {
    v: JOB_VERSION,
    restoreId,
    basepathId: manifest.basepathId,
    backupId: manifest.backupId,
    target,
    paths: (options.paths ?? []).map(toPathJson),
    conflict: 'refuse',
  };
  const jobId = `restore.${restoreId}`;
  await site.worker.context.queues.backup.add('restore', job, { jobId, priority: priorityOf('restore'), attempts: 2 });
  const [ended] = await site.waitFor([jobId]);
  if (ended === undefined) throw new Error('the restore never ended');
  return { ended, target };
}

/** The result of a restore that must have ended well. */
export function resultOf({ ended }: Restored): RestoreResult {
  if (ended.state !== 'completed') throw new Error(`the restore failed: ${ended.reason ?? ''}`);
  return restoreResultSchema.parse(ended.returnValue);
}

export function bytes(path: string): BytePath {
  return bytePath.fromText(path);
}
