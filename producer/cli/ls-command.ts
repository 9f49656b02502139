import { EXIT } from '../../shared/errors/exit-codes.js';
import { listIndex } from '../../shared/index/find-in-index.js';
import { recordPath, type IndexRecord } from '../../shared/index/record.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { toPathJson } from '../../shared/paths/path-json.js';
import { formatBytes } from '../../shared/terminal/index.js';
import { lsLine } from './outputs.js';
import { openSite, type CommonOptions } from './site.js';

/**
 * `bw-bkup ls BACKUP [PATTERN]`: what a backup holds, from its index, streaming. A pattern without `/` matches names, one
 * with `/` paths below the basepath.
 */
export async function lsCommand(backup: string, pattern: string | undefined, options: CommonOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const manifest = await site.catalog.findBackup(backup);
  const line = options.json === true ? jsonLine : peopleLine;
  let matches = 0;
  for await (const records of listIndex(site.catalog.file(manifest, manifest.index), pattern ?? null)) {
    matches += records.length;
    await write(records.map(line).join(''));
  }
  return matches === 0 ? EXIT.nothingMatched : EXIT.ok;
}

function jsonLine(record: IndexRecord): string {
  const { type, size, mtime, mode, uid, gid, nlink, flags, archive } = record;
  return `${JSON.stringify(lsLine.parse({ path: toPathJson(recordPath(record)), type, size, mtime, mode, uid, gid, nlink, flags, archive }))}\n`;
}

function peopleLine(record: IndexRecord): string {
  const owner = `${record.uid}:${record.gid}`;
  const flags = record.flags === '' ? '' : `  [${record.flags}]`;
  const size = formatBytes(BigInt(record.size)).padStart(10);
  return `${record.type}${record.mode.padStart(5)} ${owner.padEnd(12)} ${size} ${timeOf(record)} ${showPath(recordPath(record))}${flags}\n`;
}

/** UTC to the second; years a Date cannot hold are shown as seconds. */
function timeOf(record: IndexRecord): string {
  const time = new Date(Number(record.mtime) * 1000);
  return Number.isNaN(time.getTime()) ? `@${record.mtime}` : time.toISOString().slice(0, 19).replace('T', ' ');
}

/** Waits while the reader (a pager, a pipe) is slow, so that a huge index does not pile up in memory. */
async function write(text: string): Promise<void> {
  if (text !== '' && !process.stdout.write(text)) await new Promise((resolve) => process.stdout.once('drain', resolve));
}
