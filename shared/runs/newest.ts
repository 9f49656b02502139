import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Catalog } from '../catalog/catalog.js';
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

/** After a basepath's backups were removed or came back: what Redis keeps of it, anew from the catalog. */
export async function refreshNewest(redis: Redis, catalog: Catalog, basepathId: string): Promise<void> {
  await redis.hdel(NEWEST_KEY, basepathId);
  for await (const listed of catalog.listBackups({ basepathId })) if (listed.ok) await rememberNewest(redis, listed.manifest);
}

/** ISO instants in UTC compare as text. */
function later(a: string, b: string | null): string {
  return b === null || a > b ? a : b;
}
