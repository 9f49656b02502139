import { BwError } from '../errors/bw-error.js';
import { showPath, type BytePath } from '../paths/byte-path.js';

/** Takes from `unseen` those that a path is, or lies below. */
export function markSeen(unseen: Set<BytePath>, path: BytePath): void {
  for (const wanted of unseen) if (path === wanted || path.startsWith(`${wanted}/`)) unseen.delete(wanted);
}

export function unknownPaths(paths: readonly BytePath[]): BwError {
  return new BwError('RESTORE_PATH_UNKNOWN', {
    message: 'the backup does not hold these paths',
    detail: paths.map(showPath).join('\n'),
    retry: 'permanent',
    hint: 'Paths are relative to the basepath; look them up with `bw-bkup ls BACKUP PATTERN`.',
  });
}
