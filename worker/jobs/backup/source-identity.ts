import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { showPath, type BytePath } from '../../../shared/paths/byte-path.js';

/** What tells one filesystem from another. Not the device number: it changes at a remount. */
export interface SourceIdentity {
  readonly fsType: string;
  readonly fsId: string;
  readonly inode: string;
  /** Numeric user id. */
  readonly owner: string;
}

/**
 * Invariant 8: a basepath that is on another filesystem than at its newest backup was probably not mounted. On the same one, another root inode or owner is
 * another directory of this name: its files must not come into the old one's chain. Throws SOURCE_CHANGED, BASEPATH_REUSED unless accepted (pure).
 */
export function checkIdentity(root: BytePath, now: SourceIdentity, newest: Manifest | null, accepted: boolean): void {
  if (newest === null || accepted) return;
  const { fsType, fsId } = newest.source;
  if (fsType === now.fsType && fsId === now.fsId) {
    checkDirectory(root, now, newest);
    return;
  }
  throw new BwError('SOURCE_CHANGED', {
    message: 'the source is on another filesystem than at its newest backup',
    subject: showPath(root),
    detail: `then ${fsType} ${fsId} (backup ${newest.backupId}), now ${now.fsType} ${now.fsId}`,
    retry: 'operator',
    hint: 'Mount the right filesystem; if the move was on purpose: bw-bkup backup --accept-source PATH.',
  });
}

function checkDirectory(root: BytePath, now: SourceIdentity, newest: Manifest): void {
  const { rootInode, owner } = newest.source;
  const known = /^[1-9]\d*$/.test(rootInode); // not of a backup that was made elsewhere and imported
  if (!known || (rootInode === now.inode && owner === now.owner)) return;
  throw new BwError('BASEPATH_REUSED', {
    message: 'another directory has this name now: it was made anew, or has another owner',
    subject: showPath(root),
    detail: `then inode ${rootInode} of user ${owner} (backup ${newest.backupId}), now inode ${now.inode} of user ${now.owner}`,
    retry: 'permanent',
    hint: 'Nothing was saved. The next scan gives it an id and a full of its own; if it holds the same data, such as after a restore: bw-bkup backup --accept-source PATH.',
  });
}
