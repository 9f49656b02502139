import type { JournalRecord } from '../journal/record.js';
import type { BasepathStatus } from './basepath-status.js';
import { BasepathTally, isTallied } from './basepath-tally.js';
import type { ListedBackup } from './listing.js';

export type { AttemptSummary, BasepathCondition, BasepathStatus, SealedSummary } from './basepath-status.js';

type Streamed<T> = AsyncIterable<T> | Iterable<T>;

/**
 * One status per basepath that records or manifests name, by id. Memory grows with basepaths, not with records or backups.
 * @param records of the whole journal, oldest first (readJournal); read to the end before the manifests, so that what seals meanwhile counts as sealed
 * @param backups Catalog.listBackups()
 * @param now ms since the epoch
 */
export async function summarise(records: Streamed<JournalRecord>, backups: Streamed<ListedBackup>, now: number): Promise<BasepathStatus[]> {
  const tallies = new Map<string, BasepathTally>();
  for await (const record of records) {
    if (isTallied(record)) tallyOf(tallies, record.basepathId).addRecord(record);
  }
  for await (const backup of backups) {
    if (backup.ok) tallyOf(tallies, backup.manifest.basepathId).addManifest(backup.manifest);
    else tallyOf(tallies, backup.basepathId).addDamaged(backup.backupId);
  }
  return [...tallies.keys()].sort().flatMap((id) => tallies.get(id)?.status(now) ?? []);
}

function tallyOf(tallies: Map<string, BasepathTally>, basepathId: string): BasepathTally {
  const known = tallies.get(basepathId);
  if (known !== undefined) return known;
  const tally = new BasepathTally(basepathId);
  tallies.set(basepathId, tally);
  return tally;
}
