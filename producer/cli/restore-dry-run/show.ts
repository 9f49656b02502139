import { bytePath, showPath } from '../../../shared/paths/byte-path.js';
import { formatBytes, formatCount, formatDuration, table } from '../../../shared/terminal/index.js';
import { plural } from '../print.js';
import type { DryRun, DryRunBasepath, DryRunLts } from './outputs.js';

/** For people (pure). `tape`: LTS that are on tape. */
export function dryRunLines(run: DryRun, tape: ReadonlySet<string> = new Set()): string[] {
  const [only] = run.basepaths;
  const most = run.exact ? '' : 'at most ';
  return [
    ...(run.topdir === null && only !== undefined ? chainLines(only) : topdirLines(run)),
    ...run.lts.map((lts) => `  ${ltsLine(lts, most, tape)}`),
    ...(run.lts.length === 0 ? ['  nothing is read from long-term storage'] : []),
    ...(run.exact ? [] : ['  At most: which slices are needed of some archives shows only when they are read.']),
    ...run.basepaths.flatMap(({ missing }) => missing.map((name) => `  MISSING: no configured long-term storage has ${name}`)),
    `Room: ${formatBytes(BigInt(run.stagingBytes))} of staging for each archive at a time, ${formatBytes(BigInt(run.targetBytes))} in ${run.target}${freeText(run)}.`,
    timeLine(run),
    'Nothing was changed.',
  ];
}

function chainLines({ basepathId, backupId, chain, records }: DryRunBasepath): string[] {
  const rows = chain.map((each) => `  ${each.level} ${each.backupId} of ${each.capturedAt}: ${each.archives === 0 ? 'nothing' : `${plural(each.archives, 'archive')}, ${plural(each.slices, 'slice')}, ${formatBytes(BigInt(each.bytes))}`}`);
  return [`Restoring ${plural(records, 'entry', 'entries')} of ${basepathId} from backup ${backupId ?? ''} would read:`, ...rows];
}

function topdirLines({ topdir, asOf, basepaths }: DryRun): string[] {
  const rows = table(basepaths, [
    { title: 'basepath', cell: ({ name, basepathId }) => showPath(bytePath.fromText(name ?? basepathId)) },
    { title: 'backup', cell: ({ backupId, state }) => (state === 'without-backup' ? 'none of that time or before' : (backupId ?? '')) },
    { title: 'captured', cell: ({ capturedAt }) => capturedAt ?? '' },
    { title: 'chain', align: 'right', cell: ({ chain }) => (chain.length === 0 ? '' : formatCount(chain.length)) },
    { title: 'reads', align: 'right', cell: ({ state, exact, lts }) => (state === 'skipped' ? 'restored before' : state === 'without-backup' ? '' : `${exact ? '' : '<= '}${formatBytes(lts.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n))}`) },
    { title: 'size', align: 'right', cell: ({ state, targetBytes }) => (state === 'to-restore' ? formatBytes(BigInt(targetBytes)) : '') },
  ]);
  const left = basepaths.filter(({ state }) => state === 'to-restore').length;
  return [rows.trimEnd(), `Restoring ${plural(left, 'basepath')} of ${topdir ?? ''} as of ${asOf ?? ''}, in this order, would read:`];
}

function ltsLine({ lts, objects, bytes, fetchedBytes, onTapeObjects, onTapeBytes, onTapeKnown }: DryRunLts, most: string, tape: ReadonlySet<string>): string {
  const where = BigInt(fetchedBytes) === 0n ? 'read where it lies' : `${formatBytes(BigInt(fetchedBytes))} of it fetched into staging`;
  const onTape = `${plural(onTapeObjects, 'object')}, ${formatBytes(BigInt(onTapeBytes))} ${onTapeKnown ? 'to be recalled from tape' : 'perhaps to be recalled from tape (the storage does not tell)'}`;
  return `${lts}: ${most}${plural(objects, 'object')}, ${formatBytes(BigInt(bytes))}, ${where}${tape.has(lts) || onTapeObjects > 0 ? `; ${onTape}` : ''}`;
}

function freeText({ targetFreeBytes, fits }: DryRun): string {
  if (targetFreeBytes === null) return '';
  return ` (${formatBytes(BigInt(targetFreeBytes))} free there${fits ? '' : ': NOT ENOUGH'})`;
}

function timeLine({ estimate, lts }: DryRun): string {
  if (estimate === null) return 'Time: not known, no restore of this site has been measured.';
  const recall = lts.some(({ onTapeObjects }) => onTapeObjects > 0) ? ', without what recalling from tape takes' : '';
  return `Time: about ${formatDuration(estimate.durationMs)} at ${formatBytes(estimate.bytesPerSecond)}/s, as the last ${plural(estimate.restores, 'restore')} had together${recall}.`;
}
