import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Manifest } from '../catalog/manifest.js';
import { NEWEST_KEY } from '../queues/names.js';

const newestSchema = z.object({
  backupId: z.string(),
  level: z.enum(['full', 'differential', 'incremental']),
  capturedAt: z.string(),
  outcome: z.enum(['clean', 'with-exceptions']),
  fullCapturedAt: z.string().nullable(),
});

export type Newest = z.infer<typeof newestSchema>;

/** Redis keeps the newest sealed backup of each basepath for quick decisions; `catalog rebuild` refills it. */
export async function rememberNewest(redis: Redis, manifest: Manifest): Promise<void> {
  if (manifest.imported !== undefined) return; // the next full is due as if it were not there
  const known = await newestOf(redis, manifest.basepathId);
  const full = manifest.level === 'full' ? later(manifest.capturedAt, known?.fullCapturedAt ?? null) : (known?.fullCapturedAt ?? null);
  const older = known !== null && known.capturedAt > manifest.capturedAt;
  const { backupId, level, capturedAt, outcome } = manifest;
  const next: Newest = older ? { ...known, fullCapturedAt: full } : { backupId, level, capturedAt, outcome, fullCapturedAt: full };
  await redis.hset(NEWEST_KEY, manifest.basepathId, JSON.stringify(next));
}

export async function newestOf(redis: Redis, basepathId: string): Promise<Newest | null> {
  const json = await redis.hget(NEWEST_KEY, basepathId);
  return json === null ? null : newestSchema.parse(JSON.parse(json));
}

/** ISO instants in UTC compare as text. */
function later(a: string, b: string | null): string {
  return b === null || a > b ? a : b;
}
