import type { BasepathRegistry } from '../basepaths/index.js';
import { isCancelled } from '../errors/is-cancelled.js';
import type { RecordOf } from '../journal/index.js';
import { toPathJson } from '../paths/path-json.js';
import { settles, type DeadLetter } from './dead-letter.js';

type Ended = RecordOf<'attempt-ended'>;

/**
 * The letters that Redis would hold: of each basepath the newest failed full and the newest other failure that nothing sealed since has settled and no
 * operator dismissed (pure). Records oldest first. What evidence there was is lost with Redis; the journal keeps code and message.
 */
export async function lettersFromJournal(records: AsyncIterable<Ended | RecordOf<'dismissed'>> | Iterable<Ended | RecordOf<'dismissed'>>, basepaths: Pick<BasepathRegistry, 'byId'>): Promise<DeadLetter[]> {
  const open = new Map<string, Ended>();
  for await (const record of records) {
    const others = [`full ${record.basepathId}`, `other ${record.basepathId}`];
    if (record.kind === 'dismissed') {
      for (const key of others) if (open.get(key)?.backupId === record.backupId) open.delete(key);
    } else if (record.outcome === 'failed') {
      if (!isCancelled(record.error?.code ?? '')) open.set(others[record.level === 'full' ? 0 : 1] ?? '', record);
    } else if (record.outcome !== 'interrupted') {
      for (const key of others) {
        const failed = open.get(key);
        if (failed !== undefined && settles(record.level, record.basepathId, { ...failed, kind: 'backup' })) open.delete(key);
      }
    }
  }
  return [...open.values()].flatMap((failed) => letterOf(failed, basepaths) ?? []);
}

/** Null where the journal has lost the basepath: nobody could try it again. */
function letterOf({ backupId, basepathId, level, startedAt, endedAt, error }: Ended, basepaths: Pick<BasepathRegistry, 'byId'>): DeadLetter | null {
  const path = basepaths.byId(basepathId)?.path;
  if (path === undefined) return null;
  const { code, message } = error ?? { code: 'UNKNOWN', message: 'no reason on record' };
  return { v: 1, runId: backupId, kind: 'backup', basepathId, path: toPathJson(path), level, startedAt, failedAt: endedAt, code, message, last: null };
}
