import type { Redis } from 'ioredis';
import { z } from 'zod';
import { RECONCILED_KEY, RECONCILE_LEFT_KEY } from '../queues/names.js';
import { FINDING_KINDS, type Finding, type FindingKind } from './finding.js';
import { isLeft } from './walk.js';

const counts = z.partialRecord(z.enum(FINDING_KINDS), z.number().int().positive());

/** What the last round found, for status and metrics. */
export const lastRoundSchema = z.object({ at: z.iso.datetime(), repaired: counts, left: counts, problems: z.number().int().nonnegative() });

export type LastRound = z.infer<typeof lastRoundSchema>;

type Counts = LastRound['left'];

/** Only a look at long-term storage finds these. */
const IN_LTS: readonly FindingKind[] = ['object-missing', 'object-differs', 'objects-unexplained', 'objects-left', 'seal-unfinished'];

/** By kind (pure). `left`: what is left besides. */
export function roundOf(findings: readonly Finding[], problems: number, at: Date, left: Counts = {}): LastRound {
  return { at: at.toISOString(), repaired: countsOf(findings.filter((each) => !isLeft(each))), left: sumOf([countsOf(findings.filter(isLeft)), left]), problems };
}

function countsOf(findings: readonly Finding[]): Counts {
  return sumOf(findings.map(({ kind }) => ({ [kind]: 1 })));
}

function sumOf(all: readonly Counts[]): Counts {
  const sum: Counts = {};
  for (const counts of all) for (const [kind, count] of Object.entries(counts) as [FindingKind, number][]) sum[kind] = (sum[kind] ?? 0) + count;
  return sum;
}

/**
 * Of basepaths, which have turns: notes what is left of those that were looked at now, and returns what is left of all of them. Without that a loss would be told for one
 * round only, and alert nobody.
 */
export async function noteTurns(redis: Redis, looked: ReadonlyMap<string, readonly Finding[]>, withLts: boolean): Promise<Counts> {
  const known = await redis.hgetall(RECONCILE_LEFT_KEY);
  const all = new Map(Object.entries(known).map(([id, json]) => [id, counts.safeParse(JSON.parse(json)).data ?? {}]));
  for (const [id, findings] of looked) {
    const kept = withLts ? {} : Object.fromEntries(Object.entries(all.get(id) ?? {}).filter(([kind]) => IN_LTS.includes(kind as FindingKind)));
    const now = sumOf([kept, countsOf(findings.filter(isLeft))]);
    if (Object.keys(now).length > 0) all.set(id, now);
    else if (!all.delete(id)) continue;
    if (all.has(id)) await redis.hset(RECONCILE_LEFT_KEY, id, JSON.stringify(now));
    else await redis.hdel(RECONCILE_LEFT_KEY, id);
  }
  return sumOf([...all.values()]);
}

export async function writeLastRound(redis: Redis, round: LastRound): Promise<void> {
  await redis.set(RECONCILED_KEY, JSON.stringify(round));
}

/** Null: none yet, or of another version. */
export async function readLastRound(redis: Redis): Promise<LastRound | null> {
  const json = await redis.get(RECONCILED_KEY);
  return json === null ? null : (lastRoundSchema.safeParse(JSON.parse(json)).data ?? null);
}
