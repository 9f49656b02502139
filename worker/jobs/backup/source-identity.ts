import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { showPath, type BytePath } from '../../../shared/paths/byte-path.js';

/** What tells one filesystem from another. Not the device number: it changes at a remount. */
export interface SourceIdentity {
  readonly fsType: string;
  readonly fsId: string;
}

/**
 * Invariant 8: a basepath that is on another filesystem than at its newest backup was probably not mounted.
 * Throws SOURCE_CHANGED unless accepted (pure).
 */
export function checkIdentity(root: BytePath, now: SourceIdentity, newest: Manifest | null, accepted: boolean): void {
  if (newest === null || accepted) return;
  const { fsType, fsId } = newest.source;
  if (fsType === now.fsType && fsId === now.fsId) return;
  throw new BwError('SOURCE_CHANGED', {
    message: 'the source is on another filesystem than at its newest backup',
    subject: showPath(root),
    detail: `then ${fsType} ${fsId} (backup ${newest.backupId}), now ${now.fsType} ${now.fsId}`,
    retry: 'operator',
    hint: 'Mount the right filesystem; if the move was on purpose: bw-bkup backup --accept-source PATH.',
  });
}
