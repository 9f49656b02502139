const STOP = 'of a shard that is asked to stop (test/integration/segments, test/faults/preempt): one command, which either was or was not when the worker dies';
const ADOPT = 'of an archive that a killed dar had begun: test/faults/crash';
const PRODUCER = 'no worker does it: rounds of the producer (test/integration/reconcile)';
const NO_WORKER = 'no worker does it: `bw-bkup catalog rebuild`, or a command at its end';
const GIVEN_UP = 'of a start with slices that wait to be sent: the next start does it again (test/faults/lost-worker, crash)';
const SITE_JOBS = 'orders a job of the whole site, as every round of the producer does too';
const UNSOUND = 'of a slice in staging that is not what it was: one command, which either was or was not when the worker dies';
const TOLD = 'told every few seconds of what takes long, and the next one replaces it';

/** Edges of the code at which a worker need not die in any part of the kill run, each with the reason. It may, depending on where the others die. */
export const NOT_REACHED: Readonly<Record<string, string>> = {
  'shared/transfer/globus/scratch.ts fs.rename': 'only of files that no collection shows: made again under the same name, and swept after a week',
  'shared/transfer/globus/tasks.ts GlobusClient.cancel': 'only of a task that is in trouble, or that an operator cancels (test/integration/tasks): cancelling twice is cancelling',
  'shared/queues/move-to-head.ts Job.moveToWait': STOP,
  'shared/queues/move-to-head.ts Redis.zadd': STOP,
  'shared/recovery/adopt-backup.ts Catalog.seal': 'finishes the seal of a start that died; each step of a seal is killed in test/integration/catalog',
  'shared/recovery/adopt-backup.ts Catalog.addCopyRecord': 'as Catalog.seal before it: `bw-bkup catalog rebuild` finds it missing, and adds it',
  'shared/recovery/adopt-copies.ts Catalog.addCopyRecord': NO_WORKER,
  'shared/recovery/adopt-missing.ts Catalog.createWork': NO_WORKER,
  'shared/recovery/adopt-missing.ts Catalog.removeWork': NO_WORKER,
  'shared/recovery/rebuild-from-lts.ts Catalog.addCopyRecord': NO_WORKER,
  'shared/recovery/rebuild-from-lts.ts Catalog.bringBackJournal': NO_WORKER,
  'shared/recovery/rebuild-from-lts.ts Catalog.bringBackRemoved': NO_WORKER,
  'shared/recovery/rebuild-from-lts.ts Catalog.seal': NO_WORKER,
  'shared/runs/failures.ts ChainableCommander.exec': NO_WORKER,
  'shared/runs/failures.ts Redis.eval': PRODUCER,
  'shared/runs/order-kit.ts Job.promote': NO_WORKER,
  'shared/runs/order-site-jobs.ts Queue.add': SITE_JOBS,
  'shared/runs/redo-shards.ts Job.retry': PRODUCER,
  'worker/jobs/backup/seal.ts Catalog.addCopyRecord': 'only where an LTS goes out between our files and the manifest: reconcile --lts finds that this is missing',
  'worker/jobs/cleanup/bundle-metadata-job.ts Job.moveToDelayed': 'only when it comes before the oldest seal has waited: one command, which either was or was not when the worker dies',
  'worker/jobs/copies/find-damaged.ts Staging.createStart': 'only of a bundle of a storage that brings whole objects only: in the staging of the copy, which is swept as a whole',
  'worker/jobs/copies/find-damaged.ts Staging.removeStart': 'as its createStart',
  'worker/jobs/copies/make-parts.ts Staging.createStart': 'only of what is fetched first: in the staging of the copy, which is swept as a whole',
  'worker/jobs/cleanup/sweep-parts-job.ts TransferBackend.remove': 'only of what `bw-bkup doctor` left: removing twice is removing',
  'worker/jobs/restore/recall.ts Job.moveToDelayed': 'of an archive that lies on tape (test/integration/restore/recall.test.ts): one command, which either was or was not when the worker dies',
  'worker/jobs/restore/remove-unwanted.ts Staging.createStart': 'in the directory of the restore in staging, which is swept as a whole; only where a list brings more than was asked for',
  'worker/jobs/restore/report-progress.ts RunStore.reportPart': TOLD,
  'worker/jobs/shard/abandon-starts.ts Job.removeChildDependency': GIVEN_UP,
  'worker/jobs/shard/abandon-starts.ts Staging.abandonStart': GIVEN_UP,
  'worker/jobs/shard/adopt-starts.ts ItemStore.takeOver': ADOPT,
  'worker/jobs/shard/adopt-starts.ts RunStore.keepPart': ADOPT,
  'worker/jobs/shard/adopt-starts.ts Staging.createStart': ADOPT,
  'worker/jobs/shard/adopt-starts.ts Staging.removeStart': ADOPT,
  'worker/jobs/shard/keep-part.ts RunStore.keepPart': STOP,
  'worker/jobs/shard/left-archive.ts fs.link': ADOPT,
  'worker/jobs/shard/order-again.ts Job.removeChildDependency': GIVEN_UP,
  'worker/jobs/shard/throw-away.ts ItemStore.remove': 'of an archive of several slices that dar did not finish: as abandon-starts.ts',
  'worker/jobs/verify/verify-objects.ts RunStore.reportPart': TOLD,
  'worker/jobs/transfer/bundle-slices.ts BundlePool.leaveOut': UNSOUND,
  'worker/jobs/transfer/bundle-slices.ts Job.promote': 'wakes another job, which looks by itself too: depends on whether one waits',
  'worker/jobs/transfer/transfer-job.ts Job.promote': 'only where another job closes a bundle between two commands of a job that waits for it',
  'worker/processor/run-job.ts Job.moveToDelayed': STOP,
  'worker/tasks/hand-over.ts Job.promote': 'only where a task ends between two commands of a job that waits for it: one command more, and the sender wakes that job too',
  'worker/tasks/task-sender.ts TaskStore.release': 'at the clean end of a worker: what is not released is free when its time is up',
};
