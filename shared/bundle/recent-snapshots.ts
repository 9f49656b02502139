import { readJournal } from '../journal/index.js';

/** Between two snapshots of catalog and journal in an LTS, ms. */
export const SNAPSHOT_EVERY_MS = 86_400_000;
/** Journals of other hosts may be ahead. */
const SLACK_MS = 3_600_000;

/** Those of these LTS that have had no snapshot of catalog and journal within the last day, as far as is on record. */
export async function withoutRecentSnapshot(journalDir: string, lts: readonly string[], nowMs: number): Promise<string[]> {
  const sinceMs = nowMs - SNAPSHOT_EVERY_MS;
  const recent = new Set<string>();
  for await (const record of readJournal(journalDir, { kinds: ['snapshot-stored'], sinceMs: sinceMs - SLACK_MS, onProblem: () => undefined })) {
    if (Date.parse(record.startedAt) > sinceMs) recent.add(record.lts);
  }
  return lts.filter((name) => !recent.has(name));
}
