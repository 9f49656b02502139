const STOP = 'of a shard that is asked to stop (test/integration/segments, test/faults/preempt): one command, which either was or was not when the worker dies';
const ADOPT = 'of an archive that a killed dar had begun: test/faults/crash';
const PRODUCER = 'no worker does it: rounds of the producer (test/integration/reconcile)';
const NO_WORKER = 'no worker does it: `bw-bkup catalog rebuild`, or a command at its end';
const GIVEN_UP = 'of a start with slices that wait to be sent: the next start does it again (test/faults/lost-worker, crash)';
const TOLD = 'told every few seconds of what takes long, and the next one replaces it';

/** Edges of the code at which a worker need not die in every-edge.test.ts, each with the reason. It may, depending on where the others die. */
export const NOT_REACHED: Readonly<Record<string, string>> = {
  'shared/queues/move-to-head.ts Job.moveToWait': STOP,
  'shared/queues/move-to-head.ts Redis.zadd': STOP,
  'shared/recovery/adopt-backup.ts Catalog.seal': 'finishes the seal of a start that died; each step of a seal is killed in test/integration/catalog',
  'shared/recovery/adopt-missing.ts Catalog.createWork': NO_WORKER,
  'shared/recovery/adopt-missing.ts Catalog.removeWork': NO_WORKER,
  'shared/runs/failures.ts ChainableCommander.exec': NO_WORKER,
  'shared/runs/failures.ts Redis.eval': PRODUCER,
  'shared/runs/order-kit.ts Job.promote': NO_WORKER,
  'shared/runs/redo-shards.ts Job.retry': PRODUCER,
  'worker/jobs/restore/recall.ts Job.moveToDelayed': 'of an archive that lies on tape (test/integration/restore/recall.test.ts): one command, which either was or was not when the worker dies',
  'worker/jobs/restore/recall.ts Staging.createStart': 'only with an LTS on tape, or one that takes tasks: in the directory of the restore in staging, which is swept as a whole',
  'worker/jobs/restore/remove-unwanted.ts Staging.createStart': 'in the directory of the restore in staging, which is swept as a whole; only where a list brings more than was asked for',
  'worker/jobs/restore/report-progress.ts RunStore.reportPart': TOLD,
  'worker/jobs/restore/restore-job.ts Staging.createStart': 'only of a restore that goes on with another one: in its directory in staging, which is swept as a whole',
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
  'worker/processor/run-job.ts Job.moveToDelayed': STOP,
};
