import { itemsKey, PREFIX, QUEUES, runKey } from '../../shared/queues/names.js';
import type { Area, Decision } from '../../shared/reconcile/walk.js';
import { RunStore } from '../../shared/runs/run-store.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { isOpen } from './parts.js';
import type { SiteKeys } from './site-keys.js';

export interface PlaceFacts {
  readonly place: string;
  /** Null: it is held by nobody. */
  readonly jobId: string | null;
  readonly jobIsThere: boolean;
  /** Whether the run of that job has not ended: its job is made again, and keeps the place. */
  readonly runIsOpen: boolean;
}

/** KEYS: place, job. Nothing unless the job named is still the one that is gone. */
const FREE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
return redis.call('DEL', KEYS[1])`;

/** What holds the place of a basepath in the queue. */
export class PlaceArea implements Area<PlaceFacts, { readonly jobId: string }> {
  constructor(
    private readonly queues: QueueSet,
    private readonly keys: SiteKeys,
  ) {}

  units(): readonly string[] {
    return this.keys.places;
  }

  async observe(place: string): Promise<PlaceFacts> {
    const { redis, backup } = this.queues;
    const jobId = await redis.get(placeKey(place));
    const job = jobId === null ? undefined : await backup.getJob(jobId);
    const run = jobId === null ? null : await new RunStore(redis).read(jobId.replace(/^backup\./, ''));
    return { place, jobId, jobIsThere: job !== undefined, runIsOpen: isOpen(run) };
  }

  decide({ place, jobId, jobIsThere, runIsOpen }: PlaceFacts): Decision<{ readonly jobId: string }>[] {
    if (jobId === null || jobIsThere || runIsOpen) return [];
    return [{ kind: 'place-unheld', subject: place, detail: `held by ${jobId}, which is not in the queue`, act: { jobId } }];
  }

  async act({ jobId }: { readonly jobId: string }, place: string): Promise<void> {
    await this.queues.redis.eval(FREE, 2, placeKey(place), `${PREFIX}:${QUEUES.backup}:${jobId}`, jobId);
  }
}

function placeKey(place: string): string {
  return `${PREFIX}:${QUEUES.backup}:de:${place}`;
}

export interface RemainsFacts {
  readonly id: string;
  readonly isOnRecord: boolean;
  /** Keys that are there and would never go away by themselves. */
  readonly left: readonly string[];
}

/** KEYS: run, items. A run that has come on record meanwhile keeps both. */
const DROP = `
if redis.call('HEXISTS', KEYS[1], 'run') == 1 then return 0 end
return redis.call('DEL', KEYS[1], KEYS[2])`;

/** Whoever worked for a run when it ended, and did not hear of it, writes fields of it that nothing takes away. */
export class RemainsArea implements Area<RemainsFacts, 'drop'> {
  constructor(
    private readonly queues: QueueSet,
    private readonly keys: SiteKeys,
  ) {}

  units(): readonly string[] {
    return [...new Set([...this.keys.runs, ...this.keys.items])];
  }

  async observe(id: string): Promise<RemainsFacts> {
    const { redis } = this.queues;
    const keys = [runKey(id), itemsKey(id)];
    const [isOnRecord, ...ttls] = await Promise.all([redis.hexists(runKey(id), 'run'), ...keys.map((key) => redis.ttl(key))]);
    return { id, isOnRecord: isOnRecord === 1, left: keys.filter((_, index) => ttls[index] === -1) };
  }

  decide({ id, isOnRecord, left }: RemainsFacts): Decision<'drop'>[] {
    if (isOnRecord || left.length === 0) return [];
    return [{ kind: 'run-remains', subject: `run ${id}`, detail: left.join(', '), act: 'drop' }];
  }

  async act(_: 'drop', id: string): Promise<void> {
    await this.queues.redis.eval(DROP, 2, runKey(id), itemsKey(id));
  }
}
