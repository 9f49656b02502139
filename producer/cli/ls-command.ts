import { EXIT } from '../../shared/errors/exit-codes.js';
import { recordPath } from '../../shared/index/record.js';
import { listState, type StateRecord } from '../../shared/index/state.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { toPathJson } from '../../shared/paths/path-json.js';
import { layersOf } from './layers.js';
import { lsLine } from './outputs.js';
import { recordColumns, writeOut } from './show-record.js';
import { openSite, type CommonOptions } from './site.js';

/**
 * `bw-bkup ls BACKUP [PATTERN]`: what a backup with its ancestors holds, from their indexes, streaming. A pattern without `/` matches names, one
 * with `/` paths below the basepath.
 */
export async function lsCommand(backup: string, pattern: string | undefined, options: CommonOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const manifest = await site.catalog.findBackup(backup);
  const line = options.json === true ? jsonLine : peopleLine;
  let matches = 0;
  for await (const records of listState(await layersOf(site.catalog, manifest), pattern ?? null)) {
    matches += records.length;
    await writeOut(records.map(line).join(''));
  }
  return matches === 0 ? EXIT.nothingMatched : EXIT.ok;
}

function jsonLine(record: StateRecord): string {
  const { type, size, mtime, mode, uid, gid, nlink, flags, archive, heldBy } = record;
  const held = archive === '' ? null : heldBy;
  return `${JSON.stringify(lsLine.parse({ path: toPathJson(recordPath(record)), type, size, mtime, mode, uid, gid, nlink, flags, archive, backupId: held }))}\n`;
}

function peopleLine(record: StateRecord): string {
  const flags = record.flags === '' ? '' : `  [${record.flags}]`;
  return `${recordColumns(record)} ${showPath(recordPath(record))}${flags}\n`;
}
