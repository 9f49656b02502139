import { join } from 'node:path';
import type { CompareResult } from '../../shared/compare/index.js';
import { showPath, type BytePath } from '../../shared/paths/byte-path.js';
import { facts, formatBytes, formatCount, table, type Column, type Paint } from '../../shared/terminal/index.js';
import { BW_BKUP } from './command-line.js';
import { allHeld, type Proof, type Row } from './prove.js';
import type { Site } from './site.js';

const DIFFERENCES_SHOWN = 10;
const SCREENFUL = 40;

/** The last page of the quickstart: what happened, where it lies, what to try next. */
export function reportText(site: Site, rows: readonly Row[], paint: Paint): string {
  const held = allHeld(rows)
    ? paint('good', 'Everything was saved, and what was restored is identical with its source.')
    : paint('bad', 'Not everything held: see the table, and the messages above.');
  const shown = rowsToShow(rows);
  const hidden = rows.length > shown.length ? [`and ${formatCount(rows.length - shown.length)} more, all clean`, ''] : [];
  return ['', table(shown, columns(site, paint)), ...hidden, ...rows.flatMap(problemLines), held, '', places(site), nextCommands(site, rows)].join('\n');
}

/** All of a screenful; of more, what is not clean or was restored, and the first ones. */
function rowsToShow(rows: readonly Row[]): readonly Row[] {
  if (rows.length <= SCREENFUL) return rows;
  return rows.filter((row, i) => i < SCREENFUL / 2 || row.backup?.outcome !== 'clean' || row.proof !== null);
}

function columns(site: Site, paint: Paint): Column<Row>[] {
  const ofBackup = (cell: (backup: NonNullable<Row['backup']>) => string) => (row: Row) => (row.backup === null ? '-' : cell(row.backup));
  return [
    { title: 'basepath', cell: (row) => showPath(row.path).slice(site.topdir.length + 1) },
    { title: 'outcome', cell: (row) => outcomeText(row, paint) },
    { title: 'entries', align: 'right', cell: ofBackup((backup) => formatCount(backup.records)) },
    { title: 'source', align: 'right', cell: ofBackup((backup) => formatBytes(BigInt(backup.sourceBytes))) },
    { title: 'archived', align: 'right', cell: ofBackup((backup) => formatBytes(BigInt(backup.archiveBytes))) },
    { title: 'archives', align: 'right', cell: ofBackup((backup) => formatCount(backup.archives)) },
    { title: 'slices', align: 'right', cell: ofBackup((backup) => formatCount(backup.slices)) },
    { title: 'seconds', align: 'right', cell: ofBackup((backup) => (backup.durationMs / 1000).toFixed(1)) },
    { title: 'restored', cell: (row) => (row.proof === null ? '-' : proofText(row.proof, paint)) },
  ];
}

function outcomeText({ backup }: Row, paint: Paint): string {
  if (backup === null) return paint('bad', 'not saved');
  return backup.outcome === 'clean' ? paint('good', 'clean') : paint('warning', `${formatCount(backup.exceptions)} exceptions`);
}

function proofText({ problem, compared }: Proof, paint: Paint): string {
  if (compared === null) return paint('bad', 'failed');
  if (!compared.same) return paint('bad', `${formatCount(compared.totalDifferences)} differences`);
  const identical = `identical (${formatCount(compared.compared.entries)} compared)`;
  return problem === null ? paint('good', identical) : paint('warning', `${identical}, but see below`);
}

function problemLines({ path, proof }: Row): string[] {
  if (proof === null) return [];
  const problem = proof.problem === null ? [] : [`${showPath(path)}: ${proof.problem}`, ''];
  return [...problem, ...differenceLines(path, proof.compared)];
}

function differenceLines(path: BytePath, compared: CompareResult | null): string[] {
  if (compared === null || compared.same) return [];
  const { differences, totalDifferences } = compared;
  const shown = differences.slice(0, DIFFERENCES_SHOWN).map((each) => `  ${showPath(each.path)}: ${each.field} ${each.left} -> ${each.right}`);
  const more = totalDifferences > shown.length ? [`  and ${formatCount(totalDifferences - shown.length)} more`] : [];
  const reason = 'a file that changed since it was saved shows up here too';
  return [`${showPath(path)} differs from what was restored (${reason}):`, ...shown, ...more, ''];
}

function places(site: Site): string {
  return facts([
    ['source', site.topdir],
    ['configuration', site.configFile],
    ['catalog of sealed backups', site.catalogDir],
    ['long-term storage', site.ltsDir],
    ['restore kit (needs only dar and sh)', `${site.ltsDir}/restore-kit`],
    ['restored', site.restoredDir],
    ['all of it, to be removed when done', site.workDir],
  ]);
}

/** A shell function instead of an alias: scripts and pasted lines know it too. */
function nextCommands(site: Site, rows: readonly Row[]): string {
  const backup = (rows.find((row) => row.proof !== null) ?? rows.find((row) => row.backup !== null))?.backup;
  const lines = [`bw() { ${quote(BW_BKUP)} "$@" --config ${quote(site.configFile)}; }`, 'bw status'];
  if (backup !== undefined && backup !== null) {
    lines.push(`bw ls ${backup.backupId} '*'`);
    lines.push(`bw restore ${backup.basepathId} --to ${quote(join(site.restoredDir, 'again'))}`);
  }
  lines.push('bw standalone --once   # again: only what is due by now');
  return `Try next:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** As one word of a POSIX shell. */
export function quote(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
