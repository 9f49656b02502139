import { displayWidth } from './style.js';
import { formatByteRate, formatBytes, formatCount, formatDuration } from './numbers.js';

/** How far some work is. Totals are null while unknown. */
export interface ProgressState {
  readonly label: string;
  /** Files, slices or whatever is counted. */
  readonly done: number;
  readonly total: number | null;
  readonly bytes: number;
  readonly totalBytes: number | null;
  readonly elapsedMs: number;
}

/**
 * `alice: 42 % · 1,234 of 2,900 files · 1.2 GiB of 3.0 GiB · 110 MiB/s · 12 s left`. Percent and time left
 * follow the bytes where their total is known, else the count, and are left out where neither is.
 */
export function progressLine(state: ProgressState, unit = 'files'): string {
  const part = doneShare(state);
  const left = part === null ? null : timeLeftMs(part, state.elapsedMs);
  const pieces = [
    part === null ? null : `${Math.floor(part * 100)} %`,
    `${ofTotal(formatCount(state.done), state.total, formatCount)} ${unit}`,
    ofTotal(formatBytes(state.bytes), state.totalBytes, formatBytes),
    formatByteRate(state.bytes, state.elapsedMs),
    left === null ? null : `${formatDuration(left)} left`,
  ];
  return `${state.label}: ${pieces.filter((piece) => piece !== null).join(' · ')}`;
}

function ofTotal(done: string, total: number | null, format: (value: number) => string): string {
  return total === null ? done : `${done} of ${format(total)}`;
}

/** 0..1, or null if nothing tells. More than planned (files that grew) still is not more than all. */
function doneShare(state: ProgressState): number | null {
  if (state.totalBytes !== null && state.totalBytes > 0) return Math.min(1, state.bytes / state.totalBytes);
  if (state.total !== null && state.total > 0) return Math.min(1, state.done / state.total);
  return null;
}

/** Null in the first second and at the ends: an estimate from nothing only jumps. */
function timeLeftMs(part: number, elapsedMs: number): number | null {
  if (part <= 0 || part >= 1 || elapsedMs < 1000) return null;
  return (elapsedMs * (1 - part)) / part;
}

export interface ProgressOutput {
  readonly write: (text: string) => void;
  readonly isTty: boolean;
  /** Terminal width in columns; lines are cut there, a wrapped line could not be rewritten. */
  readonly columns?: number;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Default: 100 ms on a terminal, 10 s elsewhere (a log file wants lines, not frames). */
  readonly everyMs?: number;
}

export interface Progress {
  /** Shows the newest line, at most every `everyMs`. */
  readonly show: (line: string) => void;
  /** Prints a line of its own that stays, above the progress line. */
  readonly say: (line: string) => void;
  /** Ends with a last line, or takes the progress line away. */
  readonly end: (line?: string) => void;
}

/** One line that keeps changing on a terminal; elsewhere a whole line now and then. */
export function createProgress(output: ProgressOutput): Progress {
  const everyMs = output.everyMs ?? (output.isTty ? 100 : 10_000);
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let current = '';
  const draw = (line: string): void => {
    const text = output.isTty ? cutTo(line, (output.columns ?? 80) - 1) : line;
    output.write(output.isTty ? `\r\x1b[K${text}` : `${text}\n`);
    current = line;
  };
  const clear = (): void => {
    if (output.isTty && current !== '') output.write('\r\x1b[K');
  };
  return {
    show: (line) => {
      if (line === current || output.nowMs() - shownAtMs < everyMs) return;
      shownAtMs = output.nowMs();
      draw(line);
    },
    say: (line) => {
      clear();
      output.write(`${line}\n`);
      if (output.isTty && current !== '') draw(current);
    },
    end: (line) => {
      clear();
      current = '';
      if (line !== undefined) output.write(`${line}\n`);
    },
  };
}

function cutTo(line: string, columns: number): string {
  if (displayWidth(line) <= columns) return line;
  let width = 0;
  let kept = '';
  for (const character of line) {
    width += displayWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
