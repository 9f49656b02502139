import type { OutboxItem } from '../../shared/tasks/task-record.js';
import type { WorkerContext } from '../context.js';

type Parts = Pick<WorkerContext, 'runs' | 'items'>;

/**
 * Those that somebody still waits for: slices of a backup that is being saved, on record as this host's and not there yet; files of one that is being sealed. What a
 * cancelled backup, a start that was given up or another host has to do with is not.
 */
export async function wantedOf({ runs, items }: Parts, host: string, lts: string, all: readonly OutboxItem[]): Promise<OutboxItem[]> {
  const byBackup = new Map<string, OutboxItem[]>();
  for (const item of all) {
    const own = byBackup.get(item.backupId);
    if (own === undefined) byBackup.set(item.backupId, [item]);
    else own.push(item);
  }
  const ids = [...byBackup.keys()];
  const states = await runs.readAll(ids);
  const wanted: OutboxItem[] = [];
  for (const [index, id] of ids.entries()) {
    const own = byBackup.get(id) ?? [];
    const [slices, files] = [own.filter(({ kind }) => kind === 'slice'), own.filter(({ kind }) => kind === 'file')];
    const phase = states[index]?.phase;
    if (phase === 'saving') {
      const known = await items.get(id, slices.map(({ object }) => object));
      wanted.push(...slices.filter(({ object, file }) => {
        const item = known.get(object);
        return item?.host === host && item.file === file && item.committed[lts] === undefined;
      }));
    }
    if (phase === 'sealing') {
      const sent = await runs.sentFiles(id, lts, files.map(({ object }) => object));
      wanted.push(...files.filter(({ object, sha512 }) => sent.get(object) !== sha512));
    }
  }
  return wanted;
}
