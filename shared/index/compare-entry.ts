import type { IndexRecord } from './record.js';
import type { EntryFacts } from './saved-entry.js';

/** What an entry says of a record: it is what was meant, it changed while dar read it, or it differs in a field. */
export type Comparison = 'same' | 'dirty' | 'type' | 'size' | 'mtime' | 'ctime' | 'data';

/** Catalogues hold whole seconds, sizes of regular files only. */
export function compareEntry(record: IndexRecord, entry: EntryFacts): Comparison {
  if (record.type !== entry.type) return 'type';
  if (!entry.stored) return 'data';
  if (record.type === 'f' && record.size !== entry.size) return 'size';
  if (catalogueSeconds(record.mtime) !== entry.mtime) return 'mtime';
  if (catalogueSeconds(record.ctime) !== entry.ctime) return 'ctime';
  return entry.dirty ? 'dirty' : 'same';
}

/**
 * Whole seconds as dar stores them. find prints the floor and the fraction of a negative time side by side (-0.5 s is
 * `-1.5000000000`), so the text before the point is the floor; `dar -az` stores 0 instead.
 */
export function catalogueSeconds(time: string): string {
  if (time.charCodeAt(0) === 0x2d) return '0';
  const point = time.indexOf('.');
  return point === -1 ? time : time.slice(0, point);
}

/** Whether the time of modification is before 1970, which dar does not keep. */
export function hasLostTime(record: Pick<IndexRecord, 'mtime'>): boolean {
  return record.mtime.charCodeAt(0) === 0x2d;
}

/** Whether two looks at a path saw the same state of the same file. */
export function sameState(a: IndexRecord, b: IndexRecord): boolean {
  if (a.type !== b.type || a.inode !== b.inode || a.mtime !== b.mtime || a.ctime !== b.ctime) return false;
  return a.type !== 'f' || a.size === b.size;
}

/**
 * Whether the entry can be the state that a file or directory went through between two looks at the same inode: modified after
 * the first, its times between both. What was swapped in and out again keeps its own mtime, so it does not pass.
 */
export function wentThrough(before: IndexRecord, entry: EntryFacts, now: IndexRecord): boolean {
  if (before.inode !== now.inode || before.type !== entry.type || now.type !== entry.type) return false;
  const [mtime, ctime] = [Number(entry.mtime), Number(entry.ctime)];
  const modified = mtime > seconds(before.mtime) && mtime <= seconds(now.mtime);
  return modified && ctime >= seconds(before.ctime) && ctime <= seconds(now.ctime);
}

function seconds(time: string): number {
  return Number(catalogueSeconds(time));
}
