import { SILENT_MS, type SeenTopdirRestore, type TopdirRestores } from '../../../shared/topdir-restore/store.js';
import { formatAge } from '../../../shared/terminal/index.js';
import { resumeCommand } from './options.js';
import type { TopdirRestoreRow } from './outputs.js';
import { totalsLine } from './show.js';

/** Restores of topdirs that have not ended, as `status` shows them. */
export async function topdirRestoreRows(store: TopdirRestores): Promise<TopdirRestoreRow[]> {
  return (await store.all()).map(rowOf);
}

/** pure */
export function rowOf({ id, topdir, target, asOf, host, user, startedAt, silentMs, done, exceptions, running, ...counts }: SeenTopdirRestore): TopdirRestoreRow {
  const { basepaths, failed, withoutBackup, sourceBytes, doneBytes, bytesPerSecond, etaMs } = counts;
  const totals = { basepaths, restored: done, withExceptions: exceptions, failed, withoutBackup, running: Object.keys(running).length, sourceBytes, doneBytes, bytesPerSecond, etaMs };
  return { id, topdir, target, asOf, host, user, startedAt, active: silentMs < SILENT_MS, ...totals };
}

/** For people (pure). */
export function topdirRestoreLines(row: TopdirRestoreRow, nowMs: number): string[] {
  const who = `${row.user === null ? '' : `by ${row.user} `}on ${row.host}, begun ${formatAge(Date.parse(row.startedAt), nowMs)}`;
  const head = `restore ${row.id} of ${row.topdir} as of ${row.asOf} into ${row.target}, ${who}: ${totalsLine(row.active ? row : { ...row, bytesPerSecond: null, etaMs: null })}`;
  return row.active ? [head] : [head, `  Nobody goes on with it. To do so: ${resumeCommand(row)}`];
}
