/** Every key of ours: one hash tag, so that Redis Cluster keeps flows across queues in one slot. */
export const PREFIX = '{bw}';

export const QUEUES = {
  backup: 'backup',
  cleanup: 'cleanup',
  copies: 'copies',
  deadLetter: 'dead-letter',
} as const;

/** What the name of a worker (`HOST/QUEUE`), on record in the jobs it does, ends with when it is a slot that fulls never take. */
export const OWN_SLOT_NAME = '/own';
/** The same of one that takes nothing but seals. */
export const SEAL_SLOT_NAME = '/seal';

/** Whether a worker of the backup queue, by its name, is a slot that only some jobs get, beside those that are for all. */
export function isReservedSlot(workerName: string): boolean {
  return workerName.endsWith(OWN_SLOT_NAME) || workerName.endsWith(SEAL_SLOT_NAME);
}

/** Slices lie on one host's staging: only its own workers can send them. */
export function transferQueue(host: string): string {
  return `transfer-${host}`;
}

/** Staging of one host: only its own workers can release it. */
export function cleanupQueue(host: string): string {
  return `cleanup-${host}`;
}

/** Hash of one running backup or restore: phase, plan, progress. */
export function runKey(id: string): string {
  return `${PREFIX}:run:${id}`;
}

/** Hash of a running backup's transfer items by object name. */
export function itemsKey(backupId: string): string {
  return `${PREFIX}:items:${backupId}`;
}

/** Hash of the slices of a host that wait to be bundled for an LTS (shared/bundle/bundle-pool.ts). */
export function bundleKey(host: string, lts: string): string {
  return `${PREFIX}:bundle:${host}:${lts}`;
}

/** Set of the bundles that are begun, over all hosts and LTS: their slices are about to be committed, or wait again. */
export const BEGUN_BUNDLES_KEY = `${PREFIX}:begun-bundles`;

/** Set of the ids of running backups and restores. */
export const RUNS_KEY = `${PREFIX}:runs`;
/** Hash basepathId -> facts from its sealed backups (`TICKET JSON`), a cache of the catalog. */
export const NEWEST_KEY = `${PREFIX}:newest`;
/** Counter of the tickets in it. */
export const NEWEST_TICKET_KEY = `${PREFIX}:newest-ticket`;
/** Hash basepathId -> when its last backups failed for good (JSON), until one seals; a cache of the journal. */
export const FAILURES_KEY = `${PREFIX}:failures`;
/** Hash topdir -> what has been admitted of the day's fulls (JSON). */
export const FULL_DAYS_KEY = `${PREFIX}:full-days`;
/** Hash `KIND TOPDIR` -> when this kind of event last came (ms since the epoch), so that a restart catches up. */
export const EVENTS_KEY = `${PREFIX}:events`;
/** Hash lane -> turn of its next new backup (fair-share.ts). */
export const FAIR_KEY = `${PREFIX}:fair`;
/** Hash of limits an operator set while everything runs (shared/limits). */
export const LIMITS_KEY = `${PREFIX}:limits`;

/** Sorted set of the jobs of a topdir that hold one of its places, by the end of their lease (ms since the epoch). */
export function placesKey(topdir: string): string {
  return `${PREFIX}:places:${topdir}`;
}

/** Sorted set of the jobs of a topdir that are parked for this reason, by priority. */
export function parkedKey(reason: string, topdir: string): string {
  return `${PREFIX}:parked:${reason}:${topdir}`;
}

/** Hash incarnation -> a worker process, and when it was last heard (JSON). */
export const HOSTS_KEY = `${PREFIX}:hosts`;
/** Hash: when any worker was last heard, and since when without a pause (ms, clock of Redis). */
export const BEATS_KEY = `${PREFIX}:beats`;

/** Stream of what running workers are told at once (shared/orders). */
export const ORDERS_KEY = `${PREFIX}:orders`;
/** Hash host -> since when, by whom and why it takes no new work (JSON). */
export const DRAINED_KEY = `${PREFIX}:drained`;

/** Hash `BASEPATHID HOST` -> what hung there (JSON, shared/hosts). */
export const HANGS_KEY = `${PREFIX}:hangs`;
/** Hash basepathId -> since when, until when and for which hosts it is parked because it hangs (JSON). */
export const PARKED_BASEPATHS_KEY = `${PREFIX}:parked-basepaths`;
/** Held by whoever decides who is stopped for others. */
export const PREEMPTING_KEY = `${PREFIX}:preempting`;

/** Taken by whoever stops this start of a job for another one; goes away by itself. */
export function preemptionKey(jobId: string, start: number): string {
  return `${PREFIX}:preempted:${jobId}:${start}`;
}

/** There while bundles need not be looked through again. */
export const BUNDLES_SWEPT_KEY = `${PREFIX}:bundles-swept`;
/** Last basepath that the reconciler has looked at: its next round begins behind it. */
export const RECONCILE_AT_KEY = `${PREFIX}:reconcile-at`;
/** What the last round of the reconciler found (JSON). */
export const RECONCILED_KEY = `${PREFIX}:reconciled`;
/** Hash basepathId -> what the last look at it left to a person (JSON, counts by kind), until its next turn. */
export const RECONCILE_LEFT_KEY = `${PREFIX}:reconcile-left`;
/** Hash `KIND:NAME` -> state of its circuit breaker (JSON, shared/breaker). */
export const BREAKERS_KEY = `${PREFIX}:breakers`;

/** Set of the jobs (`QUEUE ID`) that wait for the end of an outage. */
export function parkedAtBreakerKey(label: string): string {
  return `${PREFIX}:parked:outage:${label}`;
}

/** Id of the transfer job whose first object this is. */
export function sendJobId(object: string): string {
  return `send.${object.slice(object.lastIndexOf('/') + 1)}`;
}

/** Hash taskId -> identity it is counted for: tasks of asynchronous LTS that may be alive at their service (shared/tasks). An entry is the lease. */
export const TASKS_KEY = `${PREFIX}:tasks`;
/** Hash `LTS HOST` -> since when a host waits for a lease, and how urgently (JSON). */
export const TASK_WANTS_KEY = `${PREFIX}:task-wants`;
/** Hash `QUEUE ID` -> order: jobs whose tasks have ended, until they are woken. */
export const TASK_WAKES_KEY = `${PREFIX}:task-wake-orders`;

/** Hash of one such task: record, items, outcome of each, who looks after it. */
export function taskKey(taskId: string): string {
  return `${PREFIX}:task:${taskId}`;
}

/** Hash object -> what a host has to bring to an asynchronous LTS and is in no task yet (JSON). */
export function outboxKey(lts: string, host: string): string {
  return `${PREFIX}:outbox:${lts}:${host}`;
}

/** Hash object -> task it is in, over all hosts: no object is in two. */
export function inTaskKey(lts: string): string {
  return `${PREFIX}:in-task:${lts}`;
}

/** SHA-512 of a file that is in an asynchronous LTS, verified, and is no slice; goes away by itself. */
export function sentFileKey(lts: string, object: string): string {
  return `${PREFIX}:sent-file:${lts}:${object}`;
}

/** Hash object -> why the task it was in did not bring it (JSON), until the job that waits for it has taken note. */
export function taskErrorsKey(lts: string): string {
  return `${PREFIX}:task-errors:${lts}`;
}

/** Hash topdirRestoreId -> a restore of a whole topdir that somebody does, and how far it is (JSON); `ID:cancel` -> who cancelled it. */
export const TOPDIR_RESTORES_KEY = `${PREFIX}:topdir-restores`;
