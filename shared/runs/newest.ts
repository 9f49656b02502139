import type { Redis } from 'ioredis';
import type { Catalog } from '../catalog/index.js';
import type { BwError } from '../errors/bw-error.js';
import { NEWEST_KEY, NEWEST_TICKET_KEY } from '../queues/names.js';
import { basepathFactsSchema, factsOf, type BasepathFacts, type SealedBackup } from './basepath-facts.js';

/** Fields of the index asked for, or written, in one round trip: an answer of at most 600 kB. */
const PIECE = 1_000;

/**
 * Facts are written with the number drawn before the catalog was read, and never over such with a higher one: of two backups of a
 * basepath that seal at once, whoever drew last has seen both.
 */
const WRITE = `
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and tonumber(string.match(known, '^%d+')) > tonumber(ARGV[2]) then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3]) end
return 1`;

/** To be drawn before the catalog is read. */
export async function drawTicket(redis: Redis): Promise<number> {
  return redis.incr(NEWEST_TICKET_KEY);
}

export async function writeFacts(redis: Redis, ticket: number, facts: ReadonlyMap<string, BasepathFacts | null>): Promise<void> {
  const entries = [...facts];
  for (let at = 0; at < entries.length; at += PIECE) {
    const pipeline = redis.pipeline();
    for (const [basepathId, each] of entries.slice(at, at + PIECE)) pipeline.eval(WRITE, 1, NEWEST_KEY, basepathId, ticket, each === null ? '' : JSON.stringify(each));
    for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
  }
}

/** Reads one basepath's sealed backups and puts the facts into the index: after a seal, and after anything else that changed them. */
export async function refreshNewest(redis: Redis, catalog: Catalog, basepathId: string, onProblem: (error: BwError) => void): Promise<BasepathFacts | null> {
  const ticket = await drawTicket(redis);
  const facts = factsOf((await catalog.backupsOf(basepathId, onProblem)).values() satisfies Iterable<SealedBackup>);
  await writeFacts(redis, ticket, new Map([[basepathId, facts]]));
  return facts;
}

export async function newestOf(redis: Redis, basepathId: string): Promise<BasepathFacts | null> {
  return (await newestOfAll(redis, [basepathId])).get(basepathId) ?? null;
}

/** Facts of many basepaths, a thousand per round trip; those without sealed backups are left out. */
export async function newestOfAll(redis: Redis, basepathIds: readonly string[]): Promise<Map<string, BasepathFacts>> {
  const found = new Map<string, BasepathFacts>();
  for (let at = 0; at < basepathIds.length; at += PIECE) {
    const piece = basepathIds.slice(at, at + PIECE);
    const values = await redis.hmget(NEWEST_KEY, ...piece);
    for (const [index, basepathId] of piece.entries()) {
      const facts = parse(values[index] ?? null);
      if (facts !== null) found.set(basepathId, facts);
    }
  }
  return found;
}

/** `TICKET JSON`. What an older version wrote is not known: it is read from the catalog again. */
function parse(value: string | null): BasepathFacts | null {
  if (value === null) return null;
  const json = /^\d+ (.*)$/s.exec(value)?.[1];
  const parsed = json === undefined ? undefined : basepathFactsSchema.safeParse(JSON.parse(json));
  return parsed?.success === true ? parsed.data : null;
}
