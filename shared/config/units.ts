/** A value that is not what its key takes; `problem` continues the sentence "KEY VALUE ...". */
export class FormatError extends Error {
  readonly problem: string;
  readonly accepts: string;

  constructor(problem: string, accepts: string) {
    super(`${problem}; use ${accepts}`);
    this.name = 'FormatError';
    this.problem = problem;
    this.accepts = accepts;
  }
}

export const SIZE_ACCEPTS = 'bytes as a plain number, or a number with B, kB, MB, GB, TB, PB (powers of 1000) or KiB, MiB, GiB, TiB, PiB (powers of 1024)';
export const DURATION_ACCEPTS = 'a number with ms, s, m, h, d or w, such as 60s, 12h, 30d';
export const RATE_ACCEPTS = 'a size per second, such as 200MB/s or 1GiB/s';

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15,
  KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50,
};

const SECOND_MS = 1000;
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3600 * SECOND_MS,
  d: 86_400 * SECOND_MS,
  w: 604_800 * SECOND_MS,
};

/** Bytes of `32GiB`, `500 MB`, `4096`. Throws FormatError; a bare K, M, G is refused because tools disagree on it. */
export function parseSize(raw: unknown): number {
  const bytes = typeof raw === 'number' ? raw : amount(raw, SIZE_UNITS, 1);
  if (bytes !== null && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  throw new FormatError('is not a size', SIZE_ACCEPTS);
}

/** Milliseconds of `30d`, `12h`, `60s`. A bare number is refused: nobody can tell its unit. Throws FormatError. */
export function parseDuration(raw: unknown): number {
  const ms = amount(raw, DURATION_UNITS, null);
  if (ms !== null && Number.isSafeInteger(ms) && ms > 0) return ms;
  throw new FormatError('is not a duration', DURATION_ACCEPTS);
}

/** Bytes per second of `200MB/s`. Throws FormatError. */
export function parseRate(raw: unknown): number {
  const match = typeof raw === 'string' ? /^(.+)\/s$/.exec(raw.trim()) : null;
  const bytes = match === null ? null : amount(match[1], SIZE_UNITS, null);
  if (bytes !== null && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new FormatError('is not a rate', RATE_ACCEPTS);
}

/** `unitless`: factor of a number without unit, null = not accepted. A fraction of a byte or ms is rounded. */
function amount(raw: unknown, units: Readonly<Record<string, number>>, unitless: number | null): number | null {
  const match = typeof raw === 'string' ? /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(raw.trim()) : null;
  if (match === null) return null;
  const [, digits = '', unit = ''] = match;
  const factor = unit === '' ? unitless : (units[unit] ?? null);
  return factor === null ? null : Math.round(Number(digits) * factor);
}

/** Bytes for people, in the largest binary unit that divides them, else with one decimal: `32GiB`, `1.5TiB`. */
export function formatSize(bytes: number): string {
  const steps = [['PiB', 2 ** 50], ['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]] as const;
  for (const [unit, factor] of steps) {
    if (bytes >= factor) return `${String(Number((bytes / factor).toFixed(1)))}${unit}`;
  }
  return `${bytes}B`;
}
