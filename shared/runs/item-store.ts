import type { Redis } from 'ioredis';
import { z } from 'zod';
import { locationSchema, type ObjectLocation } from '../catalog/manifest.js';
import { itemsKey, runKey } from '../queues/names.js';

const itemSchema = z.object({
  /** Host whose staging holds the file. */
  host: z.string(),
  /** Absolute path in that host's staging. */
  file: z.string(),
  bytes: z.number().int().nonnegative(),
  sha512: z.string(),
  /** Start of the shard that made it, `s0001-t2-abcd`: items of an abandoned start are dropped together. */
  start: z.string(),
  /** Verified copies by LTS name. */
  committed: z.record(z.string(), locationSchema),
  /** Where it goes, and how many of these its backup needs to seal (shared/copies/enough.ts); absent: every LTS. */
  goal: z.object({ lts: z.array(z.string()), toSeal: z.number().int().positive() }).optional(),
});

export type StoredItem = z.infer<typeof itemSchema>;

/** Which start of which shard must be the one that counts. */
export interface ShardClaim {
  readonly shard: number;
  /** As given to claimShard. */
  readonly start: string;
}

/** One step, so that no start comes between the look and the note: a process that stood still in between adds nothing. */
const ADD = `
local run = redis.call('HGET', KEYS[2], 'run')
if not run or cjson.decode(run).phase ~= 'saving' or redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1`;

/** As ADD, of one item, unless it is another one by now: 2 then. */
const REPLACE = `
local run = redis.call('HGET', KEYS[2], 'run')
if not run or cjson.decode(run).phase ~= 'saving' or redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
if redis.call('HGET', KEYS[1], ARGV[3]) ~= ARGV[4] then return 2 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[5])
return 1`;

const COMMIT = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`;

/** An item that another start has taken over meanwhile stays. */
const REMOVE = `
for i = 1, #ARGV, 2 do
  local item = redis.call('HGET', KEYS[1], ARGV[i])
  if item and cjson.decode(item).start == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end`;

/**
 * The transfer items of running backups: which slice is where, and in which LTS it was verified. Items are added and taken over only by the start of a shard
 * that counts, and removed only as those of the start they are known to be of.
 */
export class ItemStore {
  constructor(readonly redis: Redis) {}

  /** False, and nothing is added, when the start does not count any more. */
  async add(backupId: string, { shard, start }: ShardClaim, items: ReadonlyMap<string, StoredItem>): Promise<boolean> {
    const fields = [...items].flatMap(([object, item]) => [object, JSON.stringify(item)]);
    return (await this.redis.eval(ADD, 2, itemsKey(backupId), runKey(backupId), `start:${shard}`, start, ...fields)) === 1;
  }

  /** Gives items to another start, and maybe another place; what is committed stays. False when the start of the claim does not count any more, or one is not on record. */
  async takeOver(backupId: string, { shard, start }: ShardClaim, items: ReadonlyMap<string, Pick<StoredItem, 'host' | 'file' | 'start'>>): Promise<boolean> {
    for (const [object, place] of items) {
      for (let result = 2; result !== 1; ) {
        const json = await this.redis.hget(itemsKey(backupId), object);
        if (json === null) return false;
        const next = JSON.stringify({ ...itemSchema.parse(JSON.parse(json)), ...place });
        result = (await this.redis.eval(REPLACE, 2, itemsKey(backupId), runKey(backupId), `start:${shard}`, start, object, json, next)) as number;
        if (result === 0) return false;
      }
    }
    return true;
  }

  /** Items by object name; names that are not (any more) on record are absent. */
  async get(backupId: string, objects: readonly string[]): Promise<Map<string, StoredItem>> {
    const found = new Map<string, StoredItem>();
    if (objects.length === 0) return found;
    const values = await this.redis.hmget(itemsKey(backupId), ...objects);
    values.forEach((json, i) => {
      const object = objects[i];
      if (json !== null && object !== undefined) found.set(object, itemSchema.parse(JSON.parse(json)));
    });
    return found;
  }

  async all(backupId: string): Promise<Map<string, StoredItem>> {
    const fields = await this.redis.hgetall(itemsKey(backupId));
    return new Map(Object.entries(fields).map(([object, json]) => [object, itemSchema.parse(JSON.parse(json))]));
  }

  /** Records a verified copy. The item may be gone (its start abandoned): then nothing is recorded and false returned. */
  async commit(backupId: string, object: string, lts: string, location: ObjectLocation): Promise<boolean> {
    for (;;) {
      const json = await this.redis.hget(itemsKey(backupId), object);
      if (json === null) return false;
      const item = itemSchema.parse(JSON.parse(json));
      const next = JSON.stringify({ ...item, committed: { ...item.committed, [lts]: location } });
      if ((await this.redis.eval(COMMIT, 1, itemsKey(backupId), object, json, next)) === 1) return true;
    }
  }

  /** Takes items off the record that are (still) of the given starts. */
  async remove(backupId: string, starts: ReadonlyMap<string, string>): Promise<void> {
    if (starts.size > 0) await this.redis.eval(REMOVE, 1, itemsKey(backupId), ...[...starts].flat());
  }
}
