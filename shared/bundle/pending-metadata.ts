import { readJournal } from '../journal/index.js';
import type { WaitingPart } from './choose-bundle.js';

/** Sealed longer ago, a backup is in a snapshot of the catalog, and its seal is not waited for any more. */
export const PENDING_MS = 7 * 86_400_000;

export interface PendingBackup {
  readonly basepathId: string;
  readonly backupId: string;
  /** When it was sealed, ms since the epoch. */
  readonly sealedMs: number;
}

/** Backups that were sealed and are in no metadata bundle of an LTS, oldest first; what was removed since waits for nothing. */
export async function pendingMetadata(journalDir: string, lts: string, nowMs: number): Promise<PendingBackup[]> {
  const pending = new Map<string, PendingBackup>();
  const bundled = new Set<string>();
  for await (const record of readJournal(journalDir, { kinds: ['sealed', 'metadata-bundled', 'removed', 'erased'], sinceMs: nowMs - PENDING_MS, onProblem: () => undefined })) {
    if (record.kind === 'metadata-bundled') {
      if (record.lts === lts) for (const { backupId } of record.backups) bundled.add(backupId);
    } else if (record.kind === 'sealed') {
      if (!pending.has(record.backupId)) pending.set(record.backupId, { basepathId: record.basepathId, backupId: record.backupId, sealedMs: Date.parse(record.at) });
    } else pending.delete(record.backupId);
  }
  return [...pending.values()].filter(({ backupId }) => !bundled.has(backupId));
}

/** For chooseBundle: a backup counts as one part. */
export function waitingPart<T extends PendingBackup>(backup: T, bytes: number): T & WaitingPart {
  return { ...backup, bytes, sinceMs: backup.sealedMs };
}
