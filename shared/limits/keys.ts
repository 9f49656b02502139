import { formats } from '../config/formats.js';
import { FormatError, formatSize } from '../config/units.js';
import { showWindow, type Window } from './windows.js';

/** What of a limit can be said of one host, topdir or LTS only. */
export type Scope = 'host' | 'topdir' | 'lts';

/** Values of the limits that can be changed while everything runs; null = no limit. */
export interface LimitValues {
  readonly bandwidth: number | null;
  readonly concurrency: number | null;
  readonly 'scan.concurrency': number | null;
  readonly 'windows.fulls': readonly Window[] | null;
  readonly statLatency: number | null;
  readonly statFactor: number | null;
  readonly nice: number | null;
  readonly ioClass: string | null;
}

export type LimitKey = keyof LimitValues;

interface LimitKind<T> {
  readonly doc: string;
  readonly scopes: readonly Scope[];
  /** Throws FormatError. */
  readonly parse: (text: string) => T;
  readonly show: (value: T) => string;
}

/** One entry per limit; units and bounds are those of the configuration, which gives the defaults. */
export const LIMITS: { readonly [K in LimitKey]: LimitKind<NonNullable<LimitValues[K]>> } = {
  bandwidth: {
    doc: 'bytes per second of one host: to and from all long-term storage together, or with --lts one of them',
    scopes: ['host', 'lts'],
    parse: (text) => formats.rate.parse(text, {}),
    show: showRate,
  },
  concurrency: { doc: 'dars that read one topdir at a time, over all hosts', scopes: ['topdir'], parse: (text) => formats.count.parse(text, { min: 1 }), show: String },
  'scan.concurrency': { doc: 'finds that list one filesystem at a time, on one host; none = as configured', scopes: ['host', 'topdir'], parse: (text) => formats.count.parse(text, { min: 1 }), show: String },
  'windows.fulls': {
    doc: 'times of day when fulls may begin, such as 18:00-08:00 (several: a,b)',
    scopes: ['topdir'],
    parse: (text) => formats.windows.parse(text, {}),
    show: (value) => value.map(showWindow).join(','),
  },
  statLatency: { doc: 'stat of the source slower than this stops dars and scans for a while', scopes: ['host', 'topdir'], parse: (text) => formats.duration.parse(text, {}), show: (value) => `${value}ms` },
  statFactor: { doc: 'the same for so many times what it usually takes', scopes: ['host', 'topdir'], parse: (text) => formats.count.parse(text, { min: 2 }), show: String },
  nice: { doc: 'nice value of dar and find, 0 to 19; for those that start from now on', scopes: ['host'], parse: (text) => formats.count.parse(text, { max: 19 }), show: String },
  ioClass: { doc: 'I/O class of dar and find: idle, or best-effort:0 (first) to best-effort:7', scopes: ['host'], parse: (text) => formats.ioClass.parse(text, {}), show: String },
};

/** In the unit it was likely written in: `500MB/s`, `1GiB/s`. */
function showRate(value: number): string {
  const unit = ([['GB', 1e9], ['MB', 1e6], ['kB', 1e3]] as const).find(([, factor]) => value % factor === 0);
  return unit === undefined ? `${formatSize(value)}/s` : `${value / unit[1]}${unit[0]}/s`;
}

export const LIMIT_KEYS = Object.keys(LIMITS) as LimitKey[];

export function isLimitKey(text: string): text is LimitKey {
  return Object.hasOwn(LIMITS, text);
}

/** `none` = no limit. Throws FormatError. */
export function parseLimit<K extends LimitKey>(key: K, text: string): LimitValues[K] {
  if (text.trim() === 'none') return null;
  const value = LIMITS[key].parse(text.trim()) as LimitValues[K];
  if (Array.isArray(value) && value.length === 0) throw new FormatError('is empty', 'none, or a value');
  return value;
}

export function showLimit<K extends LimitKey>(key: K, value: LimitValues[K]): string {
  return value === null ? 'none' : (LIMITS[key].show as (value: unknown) => string)(value);
}
