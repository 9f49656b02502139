import type { Decision } from '../../shared/reconcile/walk.js';

/** A start of a shard of a backup that has not ended. */
export interface StartFacts {
  readonly name: string;
  /** Its shard has ended well: what counts of it is on record. */
  readonly shardIsDone: boolean;
  /** The start that counts, or one whose slices are on record. */
  readonly counts: boolean;
}

export interface StagingEntry {
  readonly host: string;
  readonly name: string;
  /** Named like a backup, restore or verification. */
  readonly isRun: boolean;
  /** Of the run; null: not on record. */
  readonly phase: string | null;
  readonly ageMs: number;
  /** What a backup that failed has here is kept for a while. */
  readonly isKept: boolean;
  /** Of a file for an asynchronous LTS: whether a task has it, or it waits for one; null: it is none. */
  readonly isOnItsWay: boolean | null;
  /** Only looked at while its run goes on. */
  readonly starts: readonly StartFacts[];
}

/** Names below the host's directory that are to go. */
export interface StagingAct {
  readonly remove: readonly string[];
}

/** Nobody misses what has not been touched for so long. */
const FOREIGN_MS = 7 * 86_400_000;

/** Who lays a file there puts it on record at once. */
const RECORDED_MS = 600_000;

/** What lies in a host's staging, against the runs on record (pure). Nothing in it has lasting value; of what goes on only what cannot count any more is taken. */
export function decideStaging({ host, name, isRun, phase, ageMs, isKept, isOnItsWay, starts }: StagingEntry): Decision<StagingAct>[] {
  const subject = `${host}:${name}`;
  if (isOnItsWay !== null) {
    return isOnItsWay || ageMs <= RECORDED_MS ? [] : [{ kind: 'staging-left', subject, detail: 'no transfer task has it', act: { remove: [name] } }];
  }
  if (!isRun) {
    const act = ageMs > FOREIGN_MS ? { remove: [name] } : null;
    return [{ kind: 'staging-foreign', subject, detail: `not ours, unchanged for ${Math.floor(ageMs / 3_600_000)} h`, command: `look into it on ${host}, and remove it`, act }];
  }
  if (phase === null || phase === 'done' || phase === 'failed') {
    return isKept ? [] : [{ kind: 'staging-left', subject, detail: `its run is ${phase ?? 'not on record'}`, act: { remove: [name] } }];
  }
  const stale = starts.filter(({ shardIsDone, counts }) => shardIsDone && !counts);
  if (stale.length === 0) return [];
  return [{ kind: 'staging-stale', subject, detail: `${stale.length}, the first ${stale[0]?.name ?? ''}`, act: { remove: stale.map((start) => `${name}/${start.name}`) } }];
}
