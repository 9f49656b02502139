import type { Redis } from 'ioredis';
import { ulid } from 'ulid';
import { inTaskKey, outboxKey, sentFileKey, TASK_WAKES_KEY, taskErrorsKey, taskKey } from '../queues/names.js';
import { REDIS_NOW } from '../redis/redis-now.js';
import { parseError, parseOutboxItem, type OutboxItem, type StoredError } from './task-record.js';

/** KEYS: outbox, in-task, errors. ARGV: pairs of object and item. What is in a task, or there already, stays as it is; what went wrong before is forgotten. Answers with the tasks, '' for what waits. */
const PUT = `${REDIS_NOW}
local tasks = {}
for i = 1, #ARGV, 2 do
  local task = redis.call('HGET', KEYS[2], ARGV[i])
  if not task then
    local item = cjson.decode(ARGV[i + 1])
    item.sinceMs = now
    redis.call('HSETNX', KEYS[1], ARGV[i], cjson.encode(item))
    redis.call('HDEL', KEYS[3], ARGV[i])
  end
  tasks[#tasks + 1] = task or ''
end
return tasks`;

/** KEYS: task. ARGV: job. */
const WAIT_FOR = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HSET', KEYS[1], 'wake:' .. ARGV[1], '1')`;

const TAKE_ERRORS = `
local found = {}
for i = 1, #ARGV do
  local error = redis.call('HGET', KEYS[1], ARGV[i])
  if error then
    found[#found + 1] = error
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return found`;

/** Whoever waits for a file asks within this, seconds; later it is sent once more, which has no effect. */
const KEEP_SENT_SECONDS = 7 * 86_400;

/** What hosts have to bring to asynchronous LTS: from here it gets into tasks, and back when a task did not bring it. */
export class Outbox {
  constructor(readonly redis: Redis) {}

  /** Puts there what is in no task yet; whoever waits for what is in one is woken at its end, too. Twice has the effect of once. */
  async put(lts: string, host: string, items: readonly Omit<OutboxItem, 'sinceMs' | 'tries'>[]): Promise<void> {
    if (items.length === 0) return;
    const fields = items.flatMap((item) => [item.object, JSON.stringify({ ...item, sinceMs: 0, tries: 0 })]);
    const tasks = (await this.redis.eval(PUT, 3, outboxKey(lts, host), inTaskKey(lts), taskErrorsKey(lts), ...fields)) as string[];
    const waits = new Set(tasks.flatMap((task, index) => (task === '' ? [] : [`${task} ${items[index]?.job ?? ''}`])));
    for (const wait of waits) {
      const [task = '', ...job] = wait.split(' ');
      await this.redis.eval(WAIT_FOR, 1, taskKey(task), job.join(' '));
    }
  }

  /** Everything that waits. */
  async all(lts: string, host: string): Promise<OutboxItem[]> {
    return (await this.redis.hvals(outboxKey(lts, host))).map(parseOutboxItem);
  }

  async count(lts: string, host: string): Promise<number> {
    return this.redis.hlen(outboxKey(lts, host));
  }

  /** `wake`: jobs (`QUEUE ID`) that waited for them. In one step: one that was woken before would find them there, and wait again. */
  async drop(lts: string, host: string, objects: readonly string[], wake: readonly string[] = []): Promise<void> {
    if (objects.length === 0) return;
    const order = ulid();
    const both = this.redis.multi().hdel(outboxKey(lts, host), ...objects);
    for (const job of new Set(wake)) both.hset(TASK_WAKES_KEY, job, order);
    for (const [error] of (await both.exec()) ?? []) if (error !== null) throw error;
  }

  /** Of these, those that wait or are in a task. */
  async pending(lts: string, host: string, objects: readonly string[]): Promise<Set<string>> {
    if (objects.length === 0) return new Set();
    // One look: between two, what a task gives back is in neither.
    const looks = (await this.redis.multi().hmget(outboxKey(lts, host), ...objects).hmget(inTaskKey(lts), ...objects).exec()) ?? [];
    const [waiting, inTasks] = looks.map(([error, values]) => {
      if (error !== null) throw error;
      return values as (string | null)[];
    });
    return new Set(objects.filter((_, index) => (waiting?.[index] ?? inTasks?.[index] ?? null) !== null));
  }

  /** Of these, those that are in a live task, whichever host's. */
  async inTasks(lts: string, objects: readonly string[]): Promise<Set<string>> {
    const tasks = objects.length === 0 ? [] : await this.redis.hmget(inTaskKey(lts), ...objects);
    return new Set(objects.filter((_, index) => (tasks[index] ?? null) !== null));
  }

  /** Files (no slices) that are in the LTS, verified: hash by object. */
  async sentFiles(lts: string, objects: readonly string[]): Promise<Map<string, string>> {
    const values = objects.length === 0 ? [] : await this.redis.mget(...objects.map((object) => sentFileKey(lts, object)));
    return new Map(values.flatMap((sha512, index) => (sha512 === null ? [] : [[objects[index] ?? '', sha512] as const])));
  }

  async noteSentFile(lts: string, object: string, sha512: string): Promise<void> {
    await this.redis.set(sentFileKey(lts, object), sha512, 'EX', KEEP_SENT_SECONDS);
  }

  /** They are not there any more. */
  async forgetSentFiles(lts: string, objects: readonly string[]): Promise<void> {
    if (objects.length > 0) await this.redis.del(objects.map((object) => sentFileKey(lts, object)));
  }

  /** Why tasks did not bring these; each is told once. */
  async takeErrors(lts: string, objects: readonly string[]): Promise<StoredError[]> {
    if (objects.length === 0) return [];
    return ((await this.redis.eval(TAKE_ERRORS, 1, taskErrorsKey(lts), ...objects)) as string[]).map(parseError);
  }
}
