import type { Redis } from 'ioredis';
import { z } from 'zod';
import { RECONCILED_KEY } from '../queues/names.js';
import { FINDING_KINDS, type Finding } from './finding.js';
import { isLeft } from './walk.js';

const counts = z.partialRecord(z.enum(FINDING_KINDS), z.number().int().positive());

/** What the last round found, for status and metrics. */
export const lastRoundSchema = z.object({ at: z.iso.datetime(), repaired: counts, left: counts, problems: z.number().int().nonnegative() });

export type LastRound = z.infer<typeof lastRoundSchema>;

/** By kind (pure). */
export function roundOf(findings: readonly Finding[], problems: number, at: Date): LastRound {
  const repaired: LastRound['repaired'] = {};
  const left: LastRound['left'] = {};
  for (const finding of findings) {
    const into = isLeft(finding) ? left : repaired;
    into[finding.kind] = (into[finding.kind] ?? 0) + 1;
  }
  return { at: at.toISOString(), repaired, left, problems };
}

export async function writeLastRound(redis: Redis, round: LastRound): Promise<void> {
  await redis.set(RECONCILED_KEY, JSON.stringify(round));
}

/** Null: none yet, or of another version. */
export async function readLastRound(redis: Redis): Promise<LastRound | null> {
  const json = await redis.get(RECONCILED_KEY);
  return json === null ? null : (lastRoundSchema.safeParse(JSON.parse(json)).data ?? null);
}
