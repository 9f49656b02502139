import { BwError } from '../errors/bw-error.js';
import type { Manifest } from './manifest.js';

/** What is needed of a backup to find its chain. */
export type ChainLink = Pick<Manifest, 'backupId' | 'parent'>;

/**
 * The chain of a backup, the full first, the backup itself last (pure). `known`: sealed backups of its basepath.
 * Throws CHAIN_BROKEN when an ancestor is not among them.
 */
export function chainOf<T extends ChainLink>(backup: T, known: ReadonlyMap<string, T>): T[] {
  const chain: T[] = [backup];
  for (let parent = backup.parent; parent !== null; ) {
    const found = known.get(parent);
    if (found === undefined || chain.includes(found)) throw broken(backup.backupId, parent);
    chain.unshift(found);
    parent = found.parent;
  }
  return chain;
}

/** Id of the full a backup's chain begins with, or null where the chain is broken (pure). */
export function fullIdOf<T extends ChainLink>(backup: T, known: ReadonlyMap<string, T>): string | null {
  let at: T = backup;
  for (let steps = 0; at.parent !== null; steps++) {
    const found = known.get(at.parent);
    if (found === undefined || steps > known.size) return null;
    at = found;
  }
  return at.backupId;
}

function broken(backupId: string, missing: string): BwError {
  return new BwError('CHAIN_BROKEN', {
    message: 'an ancestor of the backup is not in the catalog: it cannot be restored as it is',
    subject: `backup ${backupId}`,
    detail: `missing: ${missing}`,
    retry: 'permanent',
    hint: 'If long-term storage has it: `bw-bkup catalog rebuild`. Else restore an older backup.',
  });
}
