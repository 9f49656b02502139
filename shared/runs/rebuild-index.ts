import type { Redis } from 'ioredis';
import type { Catalog } from '../catalog/index.js';
import type { BwError } from '../errors/bw-error.js';
import { NEWEST_KEY } from '../queues/names.js';
import { rememberNewest } from './newest.js';

export interface RebuildReport {
  readonly backups: number;
  readonly basepaths: number;
  /** Manifests that could not be read. */
  readonly problems: readonly BwError[];
}

/**
 * Refills Redis' index of the catalog from the sealed backups. Running work is not touched: jobs hold ids only, and what
 * is due is decided anew at the next tick.
 */
export async function rebuildIndex(redis: Redis, catalog: Catalog): Promise<RebuildReport> {
  await redis.del(NEWEST_KEY);
  const problems: BwError[] = [];
  const basepaths = new Set<string>();
  let backups = 0;
  for await (const backup of catalog.listBackups()) {
    if (!backup.ok) {
      problems.push(backup.error);
      continue;
    }
    backups++;
    basepaths.add(backup.manifest.basepathId);
    await rememberNewest(redis, backup.manifest);
  }
  return { backups, basepaths: basepaths.size, problems };
}
