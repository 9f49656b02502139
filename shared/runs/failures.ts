import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Manifest } from '../catalog/manifest.js';
import type { RecordOf } from '../journal/index.js';
import { FAILURES_KEY } from '../queues/names.js';

/** When the last backup of each kind failed for good, ms since the epoch; null = none since the last that sealed. */
const failuresSchema = z.object({ full: z.number().nullable(), other: z.number().nullable() });

export type Failures = z.infer<typeof failuresSchema>;

const NONE: Failures = { full: null, other: null };
const PIECE = 1_000;

/** So that what failed for good is tried again at the events for that, and not at every round. */
export async function rememberFailure(redis: Redis, basepathId: string, level: Manifest['level'], atMs: number): Promise<void> {
  await change(redis, basepathId, (known) => (level === 'full' ? { ...known, full: atMs } : { ...known, other: atMs }));
}

/** A full that sealed settles all failures before it, another backup those of its kind. `settle`: called before they are forgotten, when there are any. */
export async function settleFailures(redis: Redis, basepathId: string, level: Manifest['level'], settle: () => Promise<unknown>): Promise<void> {
  const before = await failuresOf(redis, basepathId);
  if (before === NONE) return;
  await settle();
  // One that came meanwhile is not settled.
  const left = (known: Failures, kind: keyof Failures): number | null => (known[kind] === before[kind] ? null : known[kind]);
  await change(redis, basepathId, (known) => ({ full: level === 'full' ? left(known, 'full') : known.full, other: left(known, 'other') }));
}

/** What the journal says: failures that nothing of their kind sealed since has settled (pure). Records oldest first. */
export async function openFailures(records: AsyncIterable<RecordOf<'attempt-ended'>> | Iterable<RecordOf<'attempt-ended'>>): Promise<Map<string, Failures>> {
  const open = new Map<string, Failures>();
  for await (const { basepathId, level, outcome, endedAt } of records) {
    const known = open.get(basepathId) ?? NONE;
    if (outcome === 'failed') open.set(basepathId, level === 'full' ? { ...known, full: Date.parse(endedAt) } : { ...known, other: Date.parse(endedAt) });
    else if (outcome !== 'interrupted') {
      if (level === 'full' || known.full === null) open.delete(basepathId);
      else open.set(basepathId, { ...known, other: null });
    }
  }
  return open;
}

/** Puts these in the place of all that was remembered. */
export async function replaceFailures(redis: Redis, failures: ReadonlyMap<string, Failures>): Promise<void> {
  const pipeline = redis.multi().del(FAILURES_KEY);
  for (const [basepathId, each] of failures) pipeline.hset(FAILURES_KEY, basepathId, JSON.stringify(each));
  await pipeline.exec();
}

/** KEYS: failures. 0, and nothing, when another change came between. ARGV: basepath, before, after ('' = none). */
const REPLACE = `
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1`;

/** Puts what the journal says of one basepath in the place of what was remembered. */
export async function replaceFailure(redis: Redis, basepathId: string, from: Failures | null, to: Failures | null): Promise<void> {
  await replace(redis, basepathId, from, to);
}

/** False when another change came between. */
async function replace(redis: Redis, basepathId: string, from: Failures | null, to: Failures | null): Promise<boolean> {
  const text = (failures: Failures | null): string => (failures === null ? '' : JSON.stringify(failures));
  return (await redis.eval(REPLACE, 1, FAILURES_KEY, basepathId, text(from), text(to))) === 1;
}

/** `to`: pure, called again when another change came between. */
async function change(redis: Redis, basepathId: string, to: (known: Failures) => Failures): Promise<void> {
  for (;;) {
    const known = await failuresOf(redis, basepathId);
    const next = to(known);
    const isNothing = next.full === null && next.other === null;
    if (await replace(redis, basepathId, known === NONE ? null : known, isNothing ? null : next)) return;
  }
}

/** Of many basepaths, a thousand per round trip; those without failure are left out. */
export async function failuresOfAll(redis: Redis, basepathIds: readonly string[]): Promise<Map<string, Failures>> {
  const found = new Map<string, Failures>();
  for (let at = 0; at < basepathIds.length; at += PIECE) {
    const piece = basepathIds.slice(at, at + PIECE);
    const values = await redis.hmget(FAILURES_KEY, ...piece);
    for (const [index, basepathId] of piece.entries()) {
      const value = values[index] ?? null;
      if (value !== null) found.set(basepathId, failuresSchema.parse(JSON.parse(value)));
    }
  }
  return found;
}

async function failuresOf(redis: Redis, basepathId: string): Promise<Failures> {
  return (await failuresOfAll(redis, [basepathId])).get(basepathId) ?? NONE;
}
