import type { OpenRestore } from './open-restore.js';
import type { RestorePart } from './restore-plan.js';

/**
 * Parts whose directories are set once more when all files are there, in this order (pure). Of a whole full: from the first archive on that has
 * directories with attributes, because a later archive may hold a newer state of the same directory. Where several archives give paths
 * to one tree: all that give directories, the oldest backup first, because each also touched those it passed through.
 */
export function directoryPasses({ chain, plan }: Pick<OpenRestore, 'chain' | 'plan'>): RestorePart[] {
  const archiveOf = (part: RestorePart) => chain.find(({ backupId }) => backupId === part.backupId)?.archives.find(({ key }) => key === part.archive);
  const withEa = (part: RestorePart): boolean => (archiveOf(part)?.directoriesWithEa ?? 0) > 0;
  const orderOf = (part: RestorePart): number => archiveOf(part)?.restoreOrder ?? 0;
  const ageOf = (part: RestorePart): number => chain.findIndex(({ backupId }) => backupId === part.backupId);
  const inOrder = [...plan.parts].sort((a, b) => ageOf(a) - ageOf(b) || orderOf(a) - orderOf(b) || (a.archive < b.archive ? -1 : 1));
  const listed = inOrder.filter((part) => part.records !== null);
  if (listed.length > 0) return listed.filter((part) => part.directories !== null && (listed.length > 1 || withEa(part)));
  const first = inOrder.find(withEa);
  return first === undefined ? [] : inOrder.filter((part) => withEa(part) || orderOf(part) > orderOf(first));
}
