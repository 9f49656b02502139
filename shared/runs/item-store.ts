import type { Redis } from 'ioredis';
import { z } from 'zod';
import { locationSchema, type ObjectLocation } from '../catalog/manifest.js';
import { itemsKey } from '../queues/names.js';

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
});

export type StoredItem = z.infer<typeof itemSchema>;

/**
 * The transfer items of running backups: which slice is where, and in which LTS it was verified.
 * Each item is written by its own host only, one job at a time.
 */
export class ItemStore {
  constructor(readonly redis: Redis) {}

  async add(backupId: string, items: ReadonlyMap<string, StoredItem>): Promise<void> {
    const fields = [...items].flatMap(([object, item]) => [object, JSON.stringify(item)]);
    if (fields.length > 0) await this.redis.hset(itemsKey(backupId), ...fields);
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
    const item = (await this.get(backupId, [object])).get(object);
    if (item === undefined) return false;
    const committed = { ...item.committed, [lts]: location };
    await this.redis.hset(itemsKey(backupId), object, JSON.stringify({ ...item, committed }));
    return true;
  }

  async remove(backupId: string, objects: readonly string[]): Promise<void> {
    if (objects.length > 0) await this.redis.hdel(itemsKey(backupId), ...objects);
  }
}
