import type { Redis } from 'ioredis';
import { ulid } from 'ulid';
import { inTaskKey, outboxKey, TASK_WAKES_KEY, TASK_WANTS_KEY, taskErrorsKey, taskKey, TASKS_KEY } from '../queues/names.js';
import { REDIS_NOW } from '../redis/redis-now.js';
import { parseOutboxItems, parseTask, type OutboxItem, type StoredError, type TaskRecord } from './task-record.js';

/**
 * In one step: a lease is taken, the items leave the outbox, and key and list are on record. KEYS: leases, wants, outbox, in-task, task. ARGV: max, want's field, urgency,
 * how long a want counts, id, identity, record, items, holder, how long it holds, objects. 1: opened · 0: an item is not there any more · -1: no lease, or it is another host's turn.
 */
const OPEN = `${REDIS_NOW}
if redis.call('HGET', KEYS[5], 'record') == ARGV[7] then return 1 end -- sent twice, as its answer was lost
for i = 11, #ARGV do
  if redis.call('HEXISTS', KEYS[3], ARGV[i]) == 0 or redis.call('HEXISTS', KEYS[4], ARGV[i]) == 1 then return 0 end
end
local free = tonumber(ARGV[1])
for _, identity in ipairs(redis.call('HVALS', KEYS[1])) do if identity == ARGV[6] then free = free - 1 end end
local wants = redis.call('HGETALL', KEYS[2])
for i = 1, #wants, 2 do
  local want = cjson.decode(wants[i + 1])
  if now - want.atMs > tonumber(ARGV[4]) then redis.call('HDEL', KEYS[2], wants[i])
  elseif wants[i] ~= ARGV[2] and want.identity == ARGV[6] and want.urgency < tonumber(ARGV[3]) then free = free - 1 end
end
if free <= 0 then return -1 end
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], ARGV[5], ARGV[6])
redis.call('HSET', KEYS[5], 'record', ARGV[7], 'items', ARGV[8], 'holder', ARGV[9], 'until', now + ARGV[10])
for i = 11, #ARGV do
  redis.call('HDEL', KEYS[3], ARGV[i])
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[5])
end
return 1`;

/** KEYS: wants. ARGV: want's field, identity, urgency. */
const WANT = `${REDIS_NOW}
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({ identity = ARGV[2], urgency = tonumber(ARGV[3]), atMs = now }))`;

/** KEYS: task. ARGV: who, how long. */
const HOLD = `${REDIS_NOW}
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 0 end
local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and holder ~= ARGV[1] and tonumber(redis.call('HGET', KEYS[1], 'until')) > now then return 0 end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', now + ARGV[2])
return 1`;

/** KEYS: task. ARGV: who, record, pairs of fields. Nothing by one that does not look after it any more. */
const NOTE = `
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'record', ARGV[2]) end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1`;

/**
 * In one step: the lease is given back, the task is off the record, its items go where they belong, and whoever waited for it is to be woken. KEYS: leases, task, in-task, outbox,
 * errors, wake orders. ARGV: who, id, name of the order, number of objects, objects, number of jobs, jobs, then triples `again`/`error`, object, item or error. 0: another one has done it.
 */
const CLOSE = `
if redis.call('HGET', KEYS[2], 'holder') ~= ARGV[1] then return 0 end
local count = tonumber(ARGV[4])
for i = 5, 4 + count do if redis.call('HGET', KEYS[3], ARGV[i]) == ARGV[2] then redis.call('HDEL', KEYS[3], ARGV[i]) end end
local jobs = tonumber(ARGV[5 + count])
for i = 6 + count, 5 + count + jobs do redis.call('HSET', KEYS[6], ARGV[i], ARGV[3]) end
for i = 6 + count + jobs, #ARGV, 3 do
  if ARGV[i] == 'again' then redis.call('HSET', KEYS[4], ARGV[i + 1], ARGV[i + 2]) else redis.call('HSET', KEYS[5], ARGV[i + 1], ARGV[i + 2]) end
end
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do if string.sub(field, 1, 5) == 'wake:' then redis.call('HSET', KEYS[6], string.sub(field, 6), ARGV[3]) end end
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[1], ARGV[2])
return 1`;

/** KEYS: wakes. ARGV: job, order. */
const DROP_WAKE = `if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end`;

const RELEASE = `if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then redis.call('HDEL', KEYS[1], 'holder', 'until') end`;

/** KEYS: task. */
const READ = `${REDIS_NOW}
local record, holder = redis.call('HGET', KEYS[1], 'record'), redis.call('HGET', KEYS[1], 'holder')
if not record then return nil end
if holder and tonumber(redis.call('HGET', KEYS[1], 'until')) <= now then holder = '' end
return { record, holder or '', redis.call('HGET', KEYS[1], 'cancel') or '' }`;

/** KEYS: task. ARGV: who. Who was first stays on record. */
const WISH_CANCEL = `
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 0 end
return 2 - redis.call('HSETNX', KEYS[1], 'cancel', ARGV[1])`;

/** A want that is not renewed for so long, ms, is of a host that has sent it, or is gone. */
const WANT_MS = 30_000;

export interface Opening {
  readonly record: TaskRecord;
  readonly items: readonly OutboxItem[];
  readonly maxTasks: number;
  readonly urgency: number;
  readonly holder: string;
  readonly holdMs: number;
}

/** A job (`QUEUE ID`) that is to be woken. */
export interface WakeOrder {
  readonly job: string;
  /** Tells one order from the next. */
  readonly order: string;
}

export interface LiveTask {
  readonly task: TaskRecord;
  /** Process that looks after it; null: none, or it has not said so for too long. */
  readonly holder: string | null;
  /** Who wishes it cancelled; null: nobody. */
  readonly cancelledBy: string | null;
}

/** What came of one item. */
export type ItemOutcome = { readonly kind: 'committed' } | { readonly kind: 'again' } | { readonly kind: 'error'; readonly error: StoredError };

/** How many live tasks there are for an identity, and the time by the clock of Redis. */
export interface Leases {
  readonly live: number;
  readonly nowMs: number;
}

/**
 * Tasks of asynchronous LTS that may be alive at their service. A task on record is a lease: it counts until it is settled, whoever dies meanwhile.
 * What is done to one is done by the process that holds it, for a while by the clock of Redis; whoever lost that changes nothing.
 */
export class TaskStore {
  constructor(readonly redis: Redis) {}

  async leases(identity: string): Promise<Leases> {
    const [identities, [seconds, micros]] = await Promise.all([this.redis.hvals(TASKS_KEY), this.redis.time()]);
    return { live: identities.filter((each) => each === identity).length, nowMs: Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) };
  }

  /** Everything of it is on record, or nothing: `lost` when an item went elsewhere, `waits` when no lease is free, or somebody more urgent waits for that. */
  async open({ record, items, maxTasks, urgency, holder, holdMs }: Opening): Promise<'opened' | 'lost' | 'waits'> {
    const { id, lts, host, identity } = record;
    const keys = [TASKS_KEY, TASK_WANTS_KEY, outboxKey(lts, host), inTaskKey(lts), taskKey(id)];
    const told = [maxTasks, `${lts} ${host}`, urgency, WANT_MS, id, identity, JSON.stringify(record), JSON.stringify(items), holder, holdMs];
    const answer = await this.redis.eval(OPEN, keys.length, ...keys, ...told, ...items.map(({ object }) => object));
    if (answer === 1) return 'opened';
    return answer === 0 ? 'lost' : 'waits';
  }

  /** Puts on record that a host waits for a lease; `urgency` null: not any more. */
  async want({ lts, host, identity, urgency }: { readonly lts: string; readonly host: string; readonly identity: string; readonly urgency: number | null }): Promise<void> {
    if (urgency === null) await this.redis.hdel(TASK_WANTS_KEY, `${lts} ${host}`);
    else await this.redis.eval(WANT, 1, TASK_WANTS_KEY, `${lts} ${host}`, identity, urgency);
  }

  async all(): Promise<LiveTask[]> {
    const found = await Promise.all((await this.redis.hkeys(TASKS_KEY)).map((id) => this.read(id)));
    return found.filter((each) => each !== null).sort((a, b) => (a.task.id < b.task.id ? -1 : 1));
  }

  async read(id: string): Promise<LiveTask | null> {
    const found = (await this.redis.eval(READ, 1, taskKey(id))) as [string, string, string] | null;
    if (found === null) return null;
    const [record, holder, cancelledBy] = found;
    return { task: parseTask(record), holder: holder === '' ? null : holder, cancelledBy: cancelledBy === '' ? null : cancelledBy };
  }

  async items(id: string): Promise<OutboxItem[]> {
    const json = await this.redis.hget(taskKey(id), 'items');
    return json === null ? [] : parseOutboxItems(json);
  }

  /** Takes it, or keeps it, for `holdMs`; false: another one has it, or it is settled. */
  async hold(id: string, holder: string, holdMs: number): Promise<boolean> {
    return (await this.redis.eval(HOLD, 1, taskKey(id), holder, holdMs)) === 1;
  }

  /** False, and nothing, when it is not the holder's any more. */
  async note(task: TaskRecord, holder: string): Promise<boolean> {
    return (await this.redis.eval(NOTE, 1, taskKey(task.id), holder, JSON.stringify(task))) === 1;
  }

  /** What came of an item of a task that is over. */
  async noteOutcome(id: string, holder: string, object: string, outcome: ItemOutcome): Promise<boolean> {
    return (await this.redis.eval(NOTE, 1, taskKey(id), holder, '', `out:${object}`, JSON.stringify(outcome))) === 1;
  }

  /** Outcomes that are on record. */
  async outcomes(id: string, objects: readonly string[]): Promise<Map<string, ItemOutcome>> {
    const values = objects.length === 0 ? [] : await this.redis.hmget(taskKey(id), ...objects.map((object) => `out:${object}`));
    return new Map(values.flatMap((json, index) => (json === null ? [] : [[objects[index] ?? '', JSON.parse(json) as ItemOutcome] as const])));
  }

  /** Gives the lease back; whoever waited for it is among `wakes` then. False: it was not the holder's any more. */
  async close(task: TaskRecord, holder: string, items: readonly OutboxItem[], outcomes: ReadonlyMap<string, ItemOutcome>): Promise<boolean> {
    const keys = [TASKS_KEY, taskKey(task.id), inTaskKey(task.lts), outboxKey(task.lts, task.host), taskErrorsKey(task.lts), TASK_WAKES_KEY];
    const jobs = [...new Set(items.map(({ job }) => job))];
    const moves = items.flatMap((item): string[] => {
      const outcome = outcomes.get(item.object);
      if (outcome?.kind === 'again') return ['again', item.object, JSON.stringify({ ...item, tries: item.tries + 1 })];
      return outcome?.kind === 'error' ? ['error', item.object, JSON.stringify(outcome.error)] : [];
    });
    return (await this.redis.eval(CLOSE, keys.length, ...keys, holder, task.id, ulid(), items.length, ...items.map(({ object }) => object), jobs.length, ...jobs, ...moves)) === 1;
  }

  /** Jobs (`QUEUE ID`) that are to be woken: on record until that is done, as whoever closed their task may have died since. */
  async wakes(): Promise<WakeOrder[]> {
    return Object.entries(await this.redis.hgetall(TASK_WAKES_KEY)).map(([job, order]) => ({ job, order }));
  }

  /** It was woken. Had it time to wait for something else, of which it was ordered woken again, that stays. */
  async dropWake({ job, order }: WakeOrder): Promise<void> {
    await this.redis.eval(DROP_WAKE, 1, TASK_WAKES_KEY, job, order);
  }

  /** Puts on record that somebody wishes it cancelled: whoever looks after it does that. `already`: somebody wished it before · `over`: it is not on record. */
  async wishCancel(id: string, who: string): Promise<'wished' | 'already' | 'over'> {
    const answer = await this.redis.eval(WISH_CANCEL, 1, taskKey(id), who);
    if (answer === 0) return 'over';
    return answer === 1 ? 'wished' : 'already';
  }

  /** For whoever comes next, at once. */
  async release(id: string, holder: string): Promise<void> {
    await this.redis.eval(RELEASE, 1, taskKey(id), holder);
  }
}
