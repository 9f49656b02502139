import type { Redis } from 'ioredis';
import { FAIR_KEY, PREFIX, QUEUES } from './names.js';
import { laneAt, laneOf, SCORE_OF_PRIORITY, waitingLane, type Lane, type PriorityClass } from './priorities.js';

/**
 * Whose turn it is within a lane: start-time fair queueing (Goyal, Vin and Cheng 1996) over the places of the lane. Each backup that is being saved is one
 * flow, and all that wait to be begun are together one more: so a backup of a thousand shards does not keep fifty small ones waiting, and an
 * endless stream of small ones does not keep the thousand shards waiting.
 *
 * Virtual time is the place before the first job that waits. A shard takes up as many places as it is big, a plan one. A first shard goes before
 * every plan that waits: what was begun is finished first.
 */
export interface LaneState {
  /** Priority of the first job that waits in the lane, seals aside; null when none does. */
  readonly head: number | null;
  /** Where the next plan's turn is if the plans before it are to go first. */
  readonly next: number;
}

/** Places a shard as big as shards become by default takes up: so many new backups may be begun before the same backup's next one. */
const FULL_SHARD_PLACES = 64;
/** A shard costs dar and transfers, however small it is. */
const LEAST_PLACES = 4;
const FULL_SHARD_FILES = 300_000;
const FULL_SHARD_BYTES = 2n ** 40n;

export interface ShardSize {
  readonly records: number;
  readonly bytes: bigint;
}

/** Places between a shard and its backup's next one (pure). */
export function shardPlaces({ records, bytes }: ShardSize): number {
  const share = Math.max(records / FULL_SHARD_FILES, Number(bytes) / Number(FULL_SHARD_BYTES));
  return Math.round(Math.min(Math.max(share * FULL_SHARD_PLACES, LEAST_PLACES), FULL_SHARD_PLACES));
}

/** Priority of a backup that comes to wait, and where the next one's turn is (pure). */
export function planTurn(lane: Lane, { head, next }: LaneState): { readonly priority: number; readonly next: number } {
  const priority = Math.min(head === null ? lane.first + 1 : Math.max(lane.first + 1, head - 1, next), lane.last);
  return { priority, next: priority + 1 };
}

/** Priorities of a backup's shards in their order (pure). They end one before the lane does, so that they never come after plans in a lane that is full. */
export function shardTurns(lane: Lane, head: number | null, sizes: readonly ShardSize[]): number[] {
  let place = Math.max(lane.first, (head ?? lane.first) - 1);
  return sizes.map((size) => {
    const turn = Math.min(place, lane.last - 1);
    place += shardPlaces(size);
    return turn;
  });
}

/**
 * Answers with the lane's first job that waits, and takes the next plan's turn when ARGV[3] is 'plan'. Beyond the middle of a lane all that waits in it
 * moves down, in its order: a lane that is never empty would end otherwise. KEYS: waiting jobs, turns. ARGV: first, last, kind, prefix of jobs, lane.
 */
const TURN = `
local first, last, scale = tonumber(ARGV[1]), tonumber(ARGV[2]), ${SCORE_OF_PRIORITY}
local from, to = string.format('%.0f', first * scale), string.format('(%.0f', (last + 1) * scale)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], from, to, 'WITHSCORES', 'LIMIT', 0, 1)
local head = found[2] and math.floor(tonumber(found[2]) / scale) or nil
local next = tonumber(redis.call('HGET', KEYS[2], ARGV[5]) or 0)
if head and head - first > (last - first) / 2 then
  local down = head - first - 1
  local waiting = redis.call('ZRANGEBYSCORE', KEYS[1], from, to, 'WITHSCORES')
  for i = 1, #waiting, 2 do
    local score = tonumber(waiting[i + 1]) - down * scale
    redis.call('ZADD', KEYS[1], string.format('%.0f', score), waiting[i])
    redis.call('HSET', ARGV[4] .. waiting[i], 'priority', string.format('%.0f', math.floor(score / scale)))
  end
  head, next = head - down, next - down
end
if ARGV[3] == 'plan' then
  local priority = head and math.max(first + 1, head - 1, next) or first + 1
  if priority > last then priority = last end
  redis.call('HSET', KEYS[2], ARGV[5], string.format('%.0f', priority + 1))
  return priority
end
return head or false`;

async function ask(redis: Redis, lane: Lane, kind: 'plan' | 'shard'): Promise<number | null> {
  const queue = `${PREFIX}:${QUEUES.backup}`;
  return (await redis.eval(TURN, 2, `${queue}:prioritized`, FAIR_KEY, lane.first, lane.last, kind, `${queue}:`, lane.number)) as number | null;
}

/** Priority for a backup that comes to wait. `missed`: whole intervals an overdue incremental is late. */
export async function takePlanTurn(redis: Redis, priorityClass: PriorityClass, missed = 0): Promise<number> {
  const lane = laneOf(waitingLane(priorityClass, missed));
  return (await ask(redis, lane, 'plan')) ?? lane.last;
}

/**
 * Priorities for the shards of a backup, or the parts of a restore, in their order: in the lane its own job waited in.
 * @param priority of that job
 */
export async function shardPriorities(redis: Redis, priorityClass: PriorityClass, priority: number, sizes: readonly ShardSize[]): Promise<number[]> {
  const lane = laneAt(priority) ?? laneOf(waitingLane(priorityClass, 0));
  return shardTurns(lane, await ask(redis, lane, 'shard'), sizes);
}
