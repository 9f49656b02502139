import type { Catalog } from '../catalog/index.js';
import type { Protections } from './protections.js';

/**
 * Why a removed backup is not erased, or null: a hold on its basepath, on itself, or on one that could not be brought back without it. Living descendants are
 * not looked for: what they need has no tombstone.
 */
export async function heldWith(catalog: Pick<Catalog, 'readBuried'>, protections: Protections, basepathId: string, backupId: string): Promise<string | null> {
  const own = protections.holdOf(basepathId, backupId);
  if (own !== null) return own;
  for (const [id, reason] of protections.backups) {
    // One whose manifest cannot be read may need any.
    const chain = await buriedChain(catalog, basepathId, id).catch(() => [backupId]);
    if (chain.includes(backupId)) return `${id}: ${reason}`;
  }
  return null;
}

/** Ids of a backup and its ancestors, tombstones or not; one that has no manifest is the last. Throws as readManifest. */
export async function buriedChain(catalog: Pick<Catalog, 'readBuried'>, basepathId: string, backupId: string): Promise<string[]> {
  const chain: string[] = [];
  for (let id: string | null = backupId; id !== null && !chain.includes(id); ) {
    chain.push(id);
    id = (await catalog.readBuried(basepathId, id))?.parent ?? null;
  }
  return chain;
}
