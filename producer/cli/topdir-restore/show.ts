import type { BytePath } from '../../../shared/paths/byte-path.js';
import { showPath, bytePath } from '../../../shared/paths/byte-path.js';
import { createProgress, formatBytes, formatCount, formatDuration, type Progress } from '../../../shared/terminal/index.js';
import { plural, print, printJson } from '../print.js';
import { topdirRestoreLine, type TopdirBasepathRow, type TopdirLine, type TopdirTotals } from './outputs.js';

/** How often it says how far it is, ms. */
export const SHOW_MS = { terminal: 500, file: 10_000 } as const;
const COLUMNS = 80;

/** What does not change while it runs. */
export type Subject = Pick<TopdirLine, 'topdirRestoreId' | 'topdir' | 'target' | 'asOf'> & { readonly resume: string };

/** What a command says meanwhile and at its end: lines for programs, or for people. */
export interface Shown {
  readonly everyMs: number;
  begun(totals: TopdirTotals, withoutBackup: readonly TopdirBasepathRow[]): void;
  ended(row: TopdirBasepathRow, totals: TopdirTotals): void;
  progress(totals: TopdirTotals): void;
  /** `how`: why it stopped early; null: it did not. */
  finished(rows: readonly TopdirBasepathRow[], totals: TopdirTotals, how: string | null): void;
}

export function showJson({ resume, ...subject }: Subject): Shown {
  const line = (event: TopdirLine['event'], totals: TopdirTotals, basepath: TopdirBasepathRow | null, repeat: string | null = null): void => {
    printJson(topdirRestoreLine, { v: 1, event, ...subject, basepath, totals, repeat });
  };
  return {
    everyMs: SHOW_MS.file,
    begun: (totals, without) => {
      line('begun', totals, null);
      for (const row of without) line('basepath', totals, row);
    },
    ended: (row, totals) => { line('basepath', totals, row); },
    progress: (totals) => { line('progress', totals, null); },
    finished: (rows, totals) => { line('ended', totals, null, isLeft(rows) ? resume : null); },
  };
}

export function showPeople(subject: Subject): Shown {
  const isTty = process.stderr.isTTY;
  const progress = createProgress({
    write: (text) => process.stderr.write(text),
    isTty,
    ...(isTty ? { columns: process.stderr.columns || COLUMNS } : {}),
    nowMs: () => performance.now(),
  });
  return {
    everyMs: isTty ? SHOW_MS.terminal : SHOW_MS.file,
    begun: (totals, without) => {
      progress.say(`Restoring ${plural(totals.basepaths - totals.withoutBackup, 'basepath')} of ${subject.topdir} as of ${subject.asOf} into ${subject.target} (${formatBytes(BigInt(totals.sourceBytes))}).`);
      for (const { name } of without) progress.say(`${shown(name)}: has no backup of that time or before`);
    },
    ended: (row, totals) => { sayEnded(progress, row, totals); },
    progress: (totals) => { progress.show(totalsLine(totals)); },
    finished: (rows, totals, how) => {
      progress.end();
      print(summary(subject, rows, totals, how).join('\n'));
    },
  };
}

function sayEnded(progress: Progress, row: TopdirBasepathRow, { restored, failed, basepaths, withoutBackup }: TopdirTotals): void {
  if (row.state === 'unfinished') return;
  progress.say(`[${restored + failed}/${basepaths - withoutBackup}] ${shown(row.name)}: ${endOf(row)}`);
}

function endOf(row: TopdirBasepathRow): string {
  if (row.state === 'skipped') return `restored before (${row.outcome ?? ''})`;
  if (row.state === 'failed') return `failed: ${row.error ?? 'unknown'}`;
  const problems = row.problemCount === 0 ? '' : `, ${plural(row.problemCount, 'problem')}`;
  return `restored, ${row.outcome ?? ''}${problems}, ${formatBytes(row.archiveBytes)} (${row.backupId ?? ''})`;
}

/** `42 % · 12 of 300 basepaths · 1.2 TiB of 3.0 TiB · 1.1 GiB/s · 4 running · 2h 10m left` (pure). */
export function totalsLine(totals: TopdirTotals): string {
  const [done, all] = [BigInt(totals.doneBytes), BigInt(totals.sourceBytes)];
  const pieces = [
    all === 0n ? null : `${Math.min(100, Number((done * 100n) / all))} %`,
    `${formatCount(totals.restored + totals.failed)} of ${plural(totals.basepaths - totals.withoutBackup, 'basepath')}`,
    `${formatBytes(done)} of ${formatBytes(all)}`,
    totals.bytesPerSecond === null ? null : `${formatBytes(totals.bytesPerSecond)}/s`,
    `${formatCount(totals.running)} running`,
    totals.failed === 0 ? null : `${formatCount(totals.failed)} failed`,
    totals.etaMs === null ? null : `${formatDuration(totals.etaMs)} left`,
  ];
  return pieces.filter((piece) => piece !== null).join(' · ');
}

/** What people read at the end (pure). */
export function summary({ target, resume }: Pick<Subject, 'target' | 'resume'>, rows: readonly TopdirBasepathRow[], totals: TopdirTotals, how: string | null): string[] {
  const failed = rows.filter(({ state }) => state === 'failed');
  const without = rows.filter(({ state }) => state === 'without-backup');
  const left = totals.basepaths - totals.withoutBackup - totals.restored - totals.failed;
  const counts = [
    `${plural(totals.restored, 'basepath')} restored into ${target}`,
    ...(totals.withExceptions === 0 ? [] : [`${formatCount(totals.withExceptions)} of them with exceptions`]),
    ...(totals.failed === 0 ? [] : [`${formatCount(totals.failed)} failed`]),
    ...(without.length === 0 ? [] : [`${formatCount(without.length)} without backup`]),
    ...(left === 0 ? [] : [`${formatCount(left)} left`]),
  ];
  return [
    ...(how === null ? [] : [how]),
    `${counts.join(', ')}.`,
    ...failed.map(({ name, error }) => `  failed: ${shown(name)}: ${firstLine(error ?? 'unknown')}`),
    ...without.map(({ name }) => `  without backup: ${shown(name)}`),
    ...(isLeft(rows) ? [`To do ${left === 0 ? 'just those that failed' : 'what is left'}: ${resume}`] : []),
  ];
}

/** Whether another call has something to do. */
export function isLeft(rows: readonly TopdirBasepathRow[]): boolean {
  return rows.some(({ state }) => state === 'failed' || state === 'unfinished');
}

function shown(name: string): string {
  const path: BytePath = bytePath.fromText(name);
  return showPath(path);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
