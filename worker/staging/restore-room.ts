/** Room that a restore or verification asks for. */
export interface Request {
  readonly id: string;
  readonly bytes: number;
}

export interface RestoreRoom {
  /** Of the whole budget, or less where others fill the filesystem. */
  readonly total: number;
  /** Used by backups, and promised to dars that write. */
  readonly backups: number;
  /** Given to restores. */
  readonly restores: number;
  /** Bytes the filesystem has left. */
  readonly free: number;
}

/**
 * Which requests are granted (pure), in the order of their coming: one that does not fit yet is not passed by later ones. A restore may use everything
 * that backups leave. One that is larger than the whole budget gets its room alone, as far as the filesystem has it: somebody waits for those files.
 */
export function decideRestores(waiting: readonly Request[], room: RestoreRoom): Set<string> {
  const granted = new Set<string>();
  let { restores, free } = room;
  for (const { id, bytes } of waiting) {
    const fits = bytes <= room.total - room.backups - restores;
    const alone = restores === 0 && bytes > room.total;
    if (bytes > free || !(fits || alone)) break;
    granted.add(id);
    restores += bytes;
    free -= bytes;
  }
  return granted;
}

/**
 * What backups may take (pure): all but the share that is kept for restores, less where restores hold more than that. What a restore waits for counts too, so that
 * what backups give back is for it.
 */
export function backupLimit({ total, share, restores, restoresWait }: { total: number; share: number; restores: number; restoresWait: number }): number {
  return Math.max(0, Math.min(Math.floor(total * (1 - share)), total - restores - restoresWait));
}
