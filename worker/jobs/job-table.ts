import type { WorkerContext } from '../context.js';
import type { JobRun } from '../processor/run-job.js';
import { backupJob } from './backup/backup-job.js';
import { bundleMetadataJob } from './cleanup/bundle-metadata-job.js';
import { eraseJob } from './cleanup/erase-job.js';
import { reconcileStagingJob } from './cleanup/reconcile-staging-job.js';
import { releaseJob } from './cleanup/release-job.js';
import { snapshotJob } from './cleanup/snapshot-job.js';
import { sweepBackupJob, sweepStagingJob } from './cleanup/sweep-job.js';
import { sweepBundlesJob } from './cleanup/sweep-bundles-job.js';
import { sweepPartsJob } from './cleanup/sweep-parts-job.js';
import { refreshKitJob } from './cleanup/refresh-kit-job.js';
import { copyJob } from './copies/copy-job.js';
import { restoreArchiveJob } from './restore/restore-archive-job.js';
import { restoreJob } from './restore/restore-job.js';
import { shardJob } from './shard/shard-job.js';
import { verifyJob } from './verify/verify-job.js';
import { transferJob } from './transfer/transfer-job.js';

export type JobTable = Readonly<Record<string, (run: JobRun) => Promise<unknown>>>;

/** Job name to what it does; the one list of all jobs of the product. */
export function processorsOf(context: WorkerContext): JobTable {
  return {
    backup: (run) => backupJob(context, run),
    shard: (run) => shardJob(context, run),
    send: (run) => transferJob(context, run),
    release: (run) => releaseJob(context, run),
    'sweep-staging': (run) => sweepStagingJob(context, run),
    'sweep-backup': (run) => sweepBackupJob(context, run),
    'reconcile-staging': (run) => reconcileStagingJob(context, run),
    'sweep-parts': (run) => sweepPartsJob(context, run),
    'bundle-metadata': (run) => bundleMetadataJob(context, run),
    snapshot: (run) => snapshotJob(context, run),
    'sweep-bundles': (run) => sweepBundlesJob(context, run),
    erase: (run) => eraseJob(context, run),
    copy: (run) => copyJob(context, run),
    'refresh-kit': (run) => refreshKitJob(context, run),
    restore: (run) => restoreJob(context, run),
    'restore-archive': (run) => restoreArchiveJob(context, run),
    verify: (run) => verifyJob(context, run),
  };
}
