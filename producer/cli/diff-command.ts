import type { z } from 'zod';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { compareMerged, type StateDifference } from '../../shared/index/compare-merged.js';
import { recordPath, type IndexRecord } from '../../shared/index/record.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { toPathJson } from '../../shared/paths/path-json.js';
import { formatBytes, formatCount } from '../../shared/terminal/index.js';
import { layersOf } from './layers.js';
import { say } from './print.js';
import { timeOf, writeOut } from './show-record.js';
import { openSite, usage, type CommonOptions } from './site.js';
import { diffLine } from './version-outputs.js';

type Side = z.infer<typeof diffLine>['before'];
type Change = z.infer<typeof diffLine>['change'];

/** `bw-bkup diff BACKUP BACKUP`: what differs between two states of one basepath, from their indexes, streaming. Exit 0 whether anything does or not. */
export async function diffCommand(before: string, after: string, options: CommonOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const [old, now] = [await site.catalog.findBackup(before), await site.catalog.findBackup(after)];
  if (old.basepathId !== now.basepathId) throw usage(`backup ${old.backupId} is of ${old.basepathId}, ${now.backupId} of ${now.basepathId}`, 'Compare two backups of one basepath: see `bw-bkup backups BASEPATH`.');
  const line = options.json === true ? jsonLine : peopleLine;
  const counts: Record<Change, number> = { added: 0, removed: 0, changed: 0 };
  for await (const differences of compareMerged(await layersOf(site.catalog, old), await layersOf(site.catalog, now))) {
    for (const difference of differences) counts[changeOf(difference)] += 1;
    await writeOut(differences.map(line).join(''));
  }
  if (options.json !== true) say(`${formatCount(counts.added)} added, ${formatCount(counts.removed)} removed, ${formatCount(counts.changed)} changed.`);
  return EXIT.ok;
}

function changeOf({ before, after }: StateDifference): Change {
  return before === null ? 'added' : after === null ? 'removed' : 'changed';
}

function pathOf({ before, after }: StateDifference): ReturnType<typeof recordPath> {
  return recordPath((after ?? before) as IndexRecord);
}

function jsonLine(difference: StateDifference): string {
  const { before, after, fields } = difference;
  const output = { path: toPathJson(pathOf(difference)), change: changeOf(difference), fields: [...fields], before: sideOf(before), after: sideOf(after) };
  return `${JSON.stringify(diffLine.parse(output))}\n`;
}

function sideOf(record: IndexRecord | null): Side {
  if (record === null) return null;
  const { type, size, mtime, ctime, mode, uid, gid, flags } = record;
  return { type, size, mtime, ctime, mode, uid, gid, flags };
}

const MARK: Readonly<Record<Change, string>> = { added: '+', removed: '-', changed: 'M' };

function peopleLine(difference: StateDifference): string {
  const { before, after, fields } = difference;
  const shown = (record: IndexRecord, field: (typeof fields)[number]): string => {
    if (field === 'size') return formatBytes(BigInt(record.size));
    if (field === 'mtime' || field === 'ctime') return timeOf(record[field]);
    return record[field] === '' ? '-' : record[field];
  };
  const what = before === null || after === null ? '' : `  (${fields.map((field) => `${field} ${shown(before, field)} -> ${shown(after, field)}`).join(', ')})`;
  const slash = (after ?? before)?.type === 'd' ? '/' : '';
  return `${MARK[changeOf(difference)]} ${showPath(pathOf(difference))}${slash}${what}\n`;
}
