import { keyLength } from '../../../shared/index/format.js';
import type { IndexRecord } from '../../../shared/index/record.js';

export interface VerifyOptions {
  /** Only root can give files to others. */
  readonly owners: boolean;
  /** Seconds since the epoch: records changed later than this were changing around the scan. */
  readonly racySince: number;
}

/** What of a restored path differs from what was backed up, or null (pure). */
export function differenceOf(want: IndexRecord, have: IndexRecord, options: VerifyOptions): string | null {
  if (want.name === '.' && want.dirname === '.') return null; // verified where its metadata was applied
  if (want.type !== have.type) return `type ${want.type} was backed up, ${have.type} is there`;
  // Saved, but not in the state the record describes (changed while read, time before 1970): named when it was backed up.
  if (/[cxt]/.test(want.flags)) return null;
  const fields: [name: string, wanted: string, found: string][] = [
    ['mode', want.type === 'l' ? '' : want.mode, want.type === 'l' ? '' : have.mode],
    ['mtime', ...times(want, have, options.racySince)],
  ];
  if (want.type === 'f') fields.push(['size', want.size, have.size]);
  if (options.owners) fields.push(['owner', `${want.uid}:${want.gid}`, `${have.uid}:${have.gid}`]);
  const different = fields.filter(([, wanted, found]) => wanted !== found);
  return different.length === 0 ? null : different.map(([name, wanted, found]) => `${name} ${wanted} was backed up, ${found} is there`).join('; ');
}

/**
 * Whether two index lines of the same key agree in all that differenceOf looks at, so that it finds nothing; false says nothing (pure). Most lines of a
 * restored tree do, and taking them apart costs ten times as much.
 */
export function agree(want: string, have: string): boolean {
  const key = keyLength(want);
  const [mtimeEnd, haveMtimeEnd] = [skipFields(want, key, 3), skipFields(have, key, 3)];
  if (mtimeEnd !== haveMtimeEnd || want.slice(key, mtimeEnd) !== have.slice(key, mtimeEnd)) return false;
  const [mode, haveMode] = [skipFields(want, mtimeEnd, 3), skipFields(have, mtimeEnd, 3)];
  return want.slice(mode, skipFields(want, mode, 3)) === have.slice(haveMode, skipFields(have, haveMode, 3));
}

/** Behind so many fields and their spaces. */
function skipFields(line: string, from: number, fields: number): number {
  let at = from;
  for (let i = 0; i < fields; i++) at = line.indexOf(' ', at) + 1;
  return at;
}

/**
 * Catalogues prove whole seconds only. So no more is compared of what changed in the backup (its time is the catalogue's),
 * or around the scan: a file replaced within that very second may have been saved in its newer state.
 */
function times(want: IndexRecord, have: IndexRecord, racySince: number): [string, string] {
  const exact = want.mtime.includes('.') && Number(want.ctime) < racySince;
  return exact ? [nanoseconds(want.mtime), nanoseconds(have.mtime)] : [wholeSeconds(want.mtime), wholeSeconds(have.mtime)];
}

function wholeSeconds(time: string): string {
  return time.split('.', 1)[0] ?? '';
}

/** find prints 10 decimals, some filesystems keep fewer: nanoseconds, as dar does. */
function nanoseconds(time: string): string {
  const [whole = '', fraction = ''] = time.split('.');
  return `${whole}.${fraction.slice(0, 9).padEnd(9, '0')}`;
}
