/** Where code that belongs to jobs stands: a call of a writing method from one of these files is an edge, a moment at which a worker may die. */
export const JOB_CODE = /^(worker\/(jobs|processor|tasks)\/.+|shared\/(runs|dead-letters|recovery)\/.+|shared\/transfer\/(engine|globus\/.+)|shared\/restore-kit\/refresh-kit|shared\/queues\/move-to-head)\.ts$/;

interface Store {
  readonly writes: readonly string[];
  readonly reads: readonly string[];
  /** File of the class, when it is ours: each of its public methods must be in one of the lists. */
  readonly file?: string;
  /** Name there, when it is another. */
  readonly className?: string;
}

/** Everything that outlives a worker, and how it is changed. Ours are complete, which a test checks; of libraries what is used. */
export const STORES = {
  RunStore: {
    file: 'shared/runs/run-store.ts',
    writes: ['create', 'update', 'end', 'reportPart', 'countPreemption', 'reportFound', 'claimShard', 'keepPart', 'addHost', 'addSent', 'noteResult'],
    reads: ['read', 'readAll', 'running', 'partDone', 'preemptions', 'currentStart', 'isCurrentStart', 'keptPart', 'hosts', 'progress', 'result'],
  },
  ItemStore: { file: 'shared/runs/item-store.ts', writes: ['add', 'takeOver', 'commit', 'remove'], reads: ['get', 'all'] },
  BundlePool: { file: 'shared/bundle/bundle-pool.ts', writes: ['add', 'begin', 'note', 'end', 'remove', 'leaveOut'], reads: ['read', 'plan', 'leftOut'] },
  TaskStore: { file: 'shared/tasks/task-store.ts', writes: ['open', 'want', 'hold', 'note', 'noteOutcome', 'close', 'dropWake', 'wishCancel', 'release'], reads: ['leases', 'wakes', 'all', 'read', 'items', 'outcomes'] },
  Outbox: { file: 'shared/tasks/outbox.ts', writes: ['put', 'drop', 'noteSentFile', 'forgetSentFiles', 'takeErrors'], reads: ['all', 'count', 'pending', 'inTasks', 'sentFiles'] },
  Catalog: {
    file: 'shared/catalog/catalog.ts',
    writes: ['createWork', 'removeWork', 'seal', 'addCopyRecord', 'sweepUnsealed', 'sweepBackup', 'bringBackRemoved', 'bringBackJournal'],
    reads: ['assertThere', 'workChanges', 'workDir', 'listWork', 'readManifest', 'manifestBytes', 'copyRecords', 'listBackups', 'listBasepathIds', 'findBackup', 'findRemoved', 'listRemoved', 'isRemoved', 'readBuried', 'backupsOf', 'chain', 'newestSealed', 'file', 'checkBackup'],
  },
  Graveyard: { file: 'shared/catalog/tombstone.ts', writes: ['bury', 'buryAll', 'undelete', 'beginErase', 'finishErase'], reads: ['stateOf', 'isVanishing'] },
  Journal: { file: 'shared/journal/journal.ts', writes: ['append', 'appendAll'], reads: ['close'] },
  Staging: { file: 'worker/staging/staging.ts', writes: ['createStart', 'removeStarts', 'removeStart', 'abandonStart', 'removeBackup'], reads: ['backupDir', 'createDirectory', 'shareFiles', 'startsOn', 'dirOf', 'reserve', 'backups', 'holdStrays', 'isHeld', 'releaseStrays'] },
  TransferBackend: {
    file: 'shared/transfer/posix/posix-backend.ts',
    className: 'MountedFilesystem',
    writes: ['submit', 'remove', 'replace', 'sweepParts'],
    reads: ['capabilities', 'probe', 'prepare', 'poll', 'cancel', 'reconcile', 'verify', 'fetch', 'localPath', 'stat', 'list', 'stage'],
  },
  /** The same of an LTS that takes tasks: watched as TransferBackend, which is what jobs know. */
  GlobusBackend: {
    file: 'shared/transfer/globus/globus-backend.ts',
    className: 'GlobusCollection',
    writes: ['submit', 'remove', 'replace', 'sweepParts'],
    reads: ['capabilities', 'probe', 'prepare', 'poll', 'cancel', 'reconcile', 'verify', 'fetch', 'fetchAll', 'taskUrl', 'localPath', 'stat', 'list', 'stage'],
  },
  /** What it changes at the service, call by call: a poll gives objects their names, a fetch is a task too. */
  GlobusClient: {
    file: 'shared/transfer/globus/client.ts',
    writes: ['submit', 'cancel', 'makeDirectory', 'rename'],
    reads: ['during', 'submissionId', 'task', 'tasks', 'errors', 'pauseInfo', 'successes', 'skipped', 'list', 'look', 'stat'],
  },
  Queue: { writes: ['add', 'addBulk', 'remove'], reads: [] },
  Job: { writes: ['changePriority', 'moveToDelayed', 'moveToWait', 'moveToWaitingChildren', 'promote', 'remove', 'retry', 'removeChildDependency', 'updateData'], reads: [] },
  Redis: { writes: ['hset', 'hsetnx', 'hdel', 'hincrby', 'set', 'del', 'incr', 'zadd', 'zrem', 'sadd', 'srem', 'expire', 'eval', 'xadd'], reads: [] },
  ChainableCommander: { writes: ['exec'], reads: [] },
} as const satisfies Record<string, Store>;

/** Their methods are single commands of Redis: what is between two of them is seen from their own calls. */
export const ONE_COMMAND_EACH = /^shared\/runs\/(run|item)-store\.ts$/;

/** Functions of node:fs/promises that put a finished file where others look for it. */
export const FS_WRITES = ['rename', 'link'] as const;
