import type { Redis } from 'ioredis';
import { z } from 'zod';
import { pathJsonSchema } from '../paths/path-json.js';
import { runKey, RUNS_KEY, itemsKey } from '../queues/names.js';

/** Ended runs stay visible this long, seconds; longer by what is kept of them. */
const KEEP_ENDED_SECONDS = 86_400;

const runSchema = z.object({
  id: z.ulid(),
  kind: z.enum(['backup', 'restore', 'verify', 'copy']),
  basepathId: z.string(),
  path: pathJsonSchema,
  level: z.enum(['full', 'differential', 'incremental', 'restore', 'verify', 'copy']),
  jobId: z.string(),
  /** planning -> saving -> sealing -> done | failed; a run never goes back. */
  phase: z.enum(['planning', 'saving', 'sealing', 'done', 'failed']),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  /** Name of the work directory below `work/<id>/`; null while planning. */
  work: z.string().nullable(),
  shards: z.number().int().nonnegative(),
  /** Restores: the next group of archives. */
  step: z.number().int().nonnegative(),
  /** Planned totals. */
  records: z.number().int().nonnegative(),
  bytes: z.string(),
  /** The backup that must not be removed while this runs: the parent of a backup, what a restore restores, a copy is made of or a verification looks at. */
  needs: z.ulid().optional(),
  /** What a backup that failed left is kept until then; absent: nothing is. */
  keptUntil: z.string().optional(),
  error: z.string().nullable(),
  outcome: z.string().nullable(),
});

export type Run = z.infer<typeof runSchema>;

export interface RunProgress {
  /** Entries the scan of a backup has found so far. */
  readonly found: number;
  /** Entries archived (or restored) so far. */
  readonly entries: number;
  /** Of the run's planned bytes: read from the source, or from archives when restoring. */
  readonly doneBytes: number;
  /** Bytes written to archives so far; 0 when restoring. */
  readonly archiveBytes: number;
  /** Bytes verified in long-term storage so far. */
  readonly sentBytes: number;
}

/** Nothing when another change came between. */
const REPLACE_RUN = `
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'run', ARGV[2])
return 1`;

/** One step, so that no start comes between the look and the note. */
const KEEP_PART = `
local run = redis.call('HGET', KEYS[1], 'run')
if not run or cjson.decode(run).phase ~= 'saving' or redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
return 1`;

/** A command that waited for Redis longer than its sender's lock must not put an old start in the place of a newer one. */
const CLAIM_SHARD = `
local now = redis.call('HGET', KEYS[1], ARGV[1])
if now and now ~= ARGV[2] and (tonumber(string.match(now, '%-t(%d+)%-')) or 0) >= (tonumber(string.match(ARGV[2], '%-t(%d+)%-')) or 0) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1`;

const NOTE_RESULT = `if redis.call('HEXISTS', KEYS[1], 'run') == 1 then redis.call('HSET', KEYS[1], 'result', ARGV[1]) end`;
const ADD_HOST = `if redis.call('HEXISTS', KEYS[1], 'run') == 1 then redis.call('HSET', KEYS[1], ARGV[1], '1') end`;

/** State of running work, visible to every process; lost with Redis without loss of any sealed backup. */
export class RunStore {
  constructor(readonly redis: Redis) {}

  /** Puts a new run on record; false when it is there already (a second start of the same job). */
  async create(run: Run): Promise<boolean> {
    const [created] = (await this.redis.pipeline().hsetnx(runKey(run.id), 'run', JSON.stringify(run)).sadd(RUNS_KEY, run.id).exec()) ?? [];
    if (created === undefined || created[0] !== null) throw created?.[0] ?? new Error('Redis gave no answer');
    return created[1] === 1;
  }

  async read(id: string): Promise<Run | null> {
    const json = await this.redis.hget(runKey(id), 'run');
    return json === null ? null : runSchema.parse(JSON.parse(json));
  }

  /** Many at once; null for those that are not on record. */
  async readAll(ids: readonly string[]): Promise<(Run | null)[]> {
    if (ids.length === 0) return [];
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.hget(runKey(id), 'run');
    return ((await pipeline.exec()) ?? []).map(([error, json]) => {
      if (error !== null) throw error;
      return typeof json === 'string' ? runSchema.parse(JSON.parse(json)) : null;
    });
  }

  /**
   * Changes fields of a run, unless it is not on record, or in none of the phases of `onlyIn`: null then. Whoever holds the run's job calls this, and who
   * fails or cancels it from outside: so nothing is changed that was not looked at. A change whose answer was lost with the connection is sent twice: it
   * then finds itself done.
   */
  async update(id: string, fields: Partial<Run>, onlyIn?: readonly Run['phase'][]): Promise<Run | null> {
    const tried: { json?: string; run?: Run } = {};
    for (;;) {
      const json = await this.redis.hget(runKey(id), 'run');
      if (json === null) return null;
      if (json === tried.json && tried.run !== undefined) return tried.run;
      const run = runSchema.parse(JSON.parse(json));
      if (onlyIn?.includes(run.phase) === false) return null;
      tried.run = { ...run, ...fields };
      tried.json = JSON.stringify(tried.run);
      if ((await this.redis.eval(REPLACE_RUN, 1, runKey(id), json, tried.json)) === 1) return tried.run;
    }
  }

  /** Marks a run ended, as update does; it and its items go away by themselves later, by `keepMs` more than otherwise. False when it was in another phase. */
  async end(id: string, fields: Partial<Run>, onlyIn?: readonly Run['phase'][], keepMs = 0): Promise<boolean> {
    const seconds = KEEP_ENDED_SECONDS + Math.ceil(keepMs / 1000);
    if ((await this.update(id, fields, onlyIn)) === null && onlyIn !== undefined) return false;
    await this.redis
      .pipeline()
      .srem(RUNS_KEY, id)
      .expire(runKey(id), seconds)
      .expire(itemsKey(id), seconds)
      .exec();
    return true;
  }

  /** What has not ended. */
  async running(): Promise<Run[]> {
    const ids = await this.redis.smembers(RUNS_KEY);
    const runs = await Promise.all(ids.map((id) => this.read(id)));
    return runs.filter((run): run is Run => run !== null && run.phase !== 'done' && run.phase !== 'failed');
  }

  /** Progress of one part (a shard) replaces what the same part reported before, also after a restart. */
  async reportPart(id: string, part: string, done: Omit<RunProgress, 'sentBytes' | 'found'> & { readonly share?: number }): Promise<void> {
    await this.redis.hset(runKey(id), `part:${part}`, `${done.entries} ${done.doneBytes} ${done.archiveBytes} ${done.share ?? 0}`);
  }

  /** How far one part is; zeros before its first report. share: 0 to 1, where it is reported. */
  async partDone(id: string, part: string): Promise<{ doneBytes: number; share: number }> {
    const [, doneBytes = 0, , share = 0] = ((await this.redis.hget(runKey(id), `part:${part}`)) ?? '').split(' ').map(Number);
    return { doneBytes, share };
  }

  /** Counts one more time that a running part of it had to give way. */
  async countPreemption(id: string): Promise<void> {
    if ((await this.redis.hexists(runKey(id), 'run')) === 1) await this.redis.hincrby(runKey(id), 'preemptions', 1);
  }

  async preemptions(id: string): Promise<number> {
    return Number(await this.redis.hget(runKey(id), 'preemptions'));
  }

  /** How far the scan is; a start of the job that comes later begins anew. */
  async reportFound(id: string, found: number): Promise<void> {
    await this.redis.hset(runKey(id), 'found', found);
  }

  /** Makes a start of a shard (see start-name) the one that counts; false when it is not later than the one that does. */
  async claimShard(id: string, shard: number, start: string): Promise<boolean> {
    return (await this.redis.eval(CLAIM_SHARD, 1, runKey(id), `start:${shard}`, start)) === 1;
  }

  /** The start of a shard that counts; null: none has begun. */
  async currentStart(id: string, shard: number): Promise<string | null> {
    return this.redis.hget(runKey(id), `start:${shard}`);
  }

  /** Whether a start of a shard still counts: its backup is being saved, and no later start took over. */
  async isCurrentStart(id: string, shard: number, start: string): Promise<boolean> {
    const [json = null, current] = await this.redis.hmget(runKey(id), 'run', `start:${shard}`);
    return json !== null && runSchema.parse(JSON.parse(json)).phase === 'saving' && current === start;
  }

  /** Puts on record what a start of a shard leaves to the next one; false, and nothing, when that start does not count any more. */
  async keepPart(id: string, shard: number, start: string, file: string): Promise<boolean> {
    return (await this.redis.eval(KEEP_PART, 1, runKey(id), `start:${shard}`, start, `part-kept:${shard}`, file)) === 1;
  }

  /** File in the work directory of the last kept part of a shard; to be asked after claimShard, when no other start can add one. */
  async keptPart(id: string, shard: number): Promise<string | null> {
    return this.redis.hget(runKey(id), `part-kept:${shard}`);
  }

  /** Notes that a host works for a run and may hold staging of it. Nothing is noted of a run that is not on record. */
  async addHost(id: string, host: string): Promise<void> {
    await this.redis.eval(ADD_HOST, 1, runKey(id), `host:${host}`);
  }

  /** Hosts that may hold staging of a run. */
  async hosts(id: string): Promise<string[]> {
    const fields = await this.redis.hkeys(runKey(id));
    return fields.filter((name) => name.startsWith('host:')).map((name) => name.slice('host:'.length));
  }

  /** What a restore or verification has come to (JSON), before its end is on record: whoever does its job once more tells the same, and does nothing again. */
  async noteResult(id: string, json: string): Promise<void> {
    await this.redis.eval(NOTE_RESULT, 1, runKey(id), json);
  }

  /** Null: it has come to nothing yet. */
  async result(id: string): Promise<string | null> {
    return this.redis.hget(runKey(id), 'result');
  }

  async addSent(id: string, bytes: number): Promise<void> {
    await this.redis.hincrby(runKey(id), 'sent', bytes);
  }

  async progress(id: string): Promise<RunProgress> {
    const fields = await this.redis.hgetall(runKey(id));
    let entries = 0;
    let doneBytes = 0;
    let archiveBytes = 0;
    for (const [name, value] of Object.entries(fields)) {
      if (!name.startsWith('part:')) continue;
      const [partEntries = 0, partDone = 0, partArchive = 0] = value.split(' ').map(Number);
      entries += partEntries;
      doneBytes += partDone;
      archiveBytes += partArchive;
    }
    return { found: Number(fields.found ?? 0), entries, doneBytes, archiveBytes, sentBytes: Number(fields.sent ?? 0) };
  }
}
