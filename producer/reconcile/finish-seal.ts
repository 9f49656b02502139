import { ulid } from 'ulid';
import type { Manifest } from '../../shared/catalog/index.js';
import { adoptBackup, manifestIn } from '../../shared/recovery/adopt-backup.js';
import { DeadLetters } from '../../shared/dead-letters/dead-letters.js';
import { refreshNewest } from '../../shared/runs/newest.js';
import { sealedRecords } from '../../shared/runs/record-sealed.js';
import type { TransferBackend } from '../../shared/transfer/backend.js';
import type { ReconcileParts } from './parts.js';

/**
 * Seals a backup whose manifest is in long-term storage and not in the catalog, with that very manifest. False when no LTS has one. A tombstone, or a seal in this moment, is
 * not overrun. Throws what adoptBackup throws.
 */
export async function finishSeal(parts: ReconcileParts, backends: readonly TransferBackend[], basepathId: string, backupId: string): Promise<boolean> {
  const { catalog, journal, logger, queues, runs } = parts;
  for (const backend of backends) {
    if (await catalog.isRemoved(basepathId, backupId)) return false;
    // Under an id of its own: the work of the backup itself is swept at any time, also while this goes on.
    const work = await catalog.createWork(ulid(), 1);
    let manifest: Manifest | null;
    try {
      manifest = await manifestIn(backend, basepathId, backupId, work.path);
      if (manifest === null) continue;
      await adoptBackup(catalog, backend, manifest, work.path);
    } finally {
      await catalog.removeWork(work.backupId);
    }
    const [sealed] = sealedRecords(manifest);
    await journal.append(sealed); // of its attempt nothing: that would settle what failed after it
    await refreshNewest(runs.redis, catalog, basepathId, (error) => { logger.warn({ err: error }, 'manifest not usable'); });
    await new DeadLetters(queues).remove([backupId]);
    await runs.end(backupId, { phase: 'done', outcome: manifest.outcome, endedAt: parts.now().toISOString() }, ['planning', 'saving', 'sealing']);
    return true;
  }
  return false;
}
