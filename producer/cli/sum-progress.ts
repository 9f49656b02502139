import type { Run, RunProgress } from '../../shared/runs/run-store.js';
import { formatCount, type ProgressState } from '../../shared/terminal/index.js';

export type FollowedRun = Pick<Run, 'basepathId' | 'phase' | 'records' | 'bytes' | 'startedAt'> & { readonly done: Pick<RunProgress, 'found' | 'entries' | 'doneBytes'> };

/**
 * Several runs as one line of progress, or null when there is nothing to say (pure). Totals are known once nothing is being planned any more.
 * @param nowMs ms since the epoch
 */
export function sumProgress(runs: readonly FollowedRun[], nowMs: number): ProgressState | null {
  const first = runs.find((run) => run.phase !== 'planning') ?? runs[0];
  if (first === undefined) return null;
  const planned = runs.every((run) => run.phase !== 'planning');
  const sum = (of: (run: FollowedRun) => number): number => runs.reduce((total, run) => total + of(run), 0);
  return {
    label: labelOf(first, runs),
    done: sum((run) => run.done.entries),
    total: planned ? sum((run) => run.records) : null,
    bytes: sum((run) => run.done.doneBytes),
    totalBytes: planned ? sum((run) => Number(run.bytes)) : null,
    elapsedMs: Math.max(0, nowMs - Math.min(...runs.map((run) => Date.parse(run.startedAt)))),
  };
}

/** How far the scans are, as a line, while nothing but scans runs (pure); null otherwise. The rate is that since the start. */
export function scanLine(runs: readonly FollowedRun[], nowMs: number): string | null {
  const first = runs[0];
  if (first === undefined || runs.some((run) => run.phase !== 'planning')) return null;
  const found = runs.reduce((sum, run) => sum + run.done.found, 0);
  const seconds = (nowMs - Math.min(...runs.map((run) => Date.parse(run.startedAt)))) / 1000;
  return `${labelOf(first, runs)}: ${formatCount(found)} entries found${seconds < 1 ? '' : ` · ${formatCount(Math.round(found / seconds))}/s`}`;
}

function labelOf(first: FollowedRun, runs: readonly FollowedRun[]): string {
  const phases = new Set(runs.map((run) => run.phase));
  const phase = phases.size === 1 && first.phase !== 'saving' ? ` (${first.phase})` : '';
  return runs.length === 1 ? `${first.basepathId}${phase}` : `${first.basepathId} and ${runs.length - 1} more${phase}`;
}
