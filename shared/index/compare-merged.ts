import { Cursor } from './cursor.js';
import { keyLength, parseRecord } from './format.js';
import type { IndexRecord } from './record.js';
import { readState, type StateLayer } from './state.js';

/** What can differ, in the order it is told. */
export const DIFFERENT_FIELDS = ['type', 'size', 'mtime', 'ctime', 'mode', 'uid', 'gid', 'flags'] as const satisfies readonly (keyof IndexRecord)[];
export type DifferentField = (typeof DIFFERENT_FIELDS)[number];

/** A path of one type in one state or both; what changed its type is one removed and one added. */
export interface StateDifference {
  readonly before: IndexRecord | null;
  readonly after: IndexRecord | null;
  /** Empty unless it is in both. */
  readonly fields: readonly DifferentField[];
}

const BATCH = 500;

/**
 * What differs between two states of one basepath, in index order, in batches; streams both. Of a directory its times do not count: they say that its
 * entries changed, which is told by these. Throws INDEX_DAMAGED.
 */
export async function* compareMerged(before: readonly StateLayer[], after: readonly StateLayer[]): AsyncGenerator<StateDifference[], void> {
  const old = await Cursor.open(lines(before));
  const now = await Cursor.open(lines(after));
  try {
    let batch: StateDifference[] = [];
    for (;;) {
      const [a, b] = [old.current, now.current];
      if (a === undefined && b === undefined) break;
      const order = orderOf(a, b);
      const difference = differenceOf(order <= 0 ? a : undefined, order >= 0 ? b : undefined);
      if (difference !== null) batch.push(difference);
      const moved = [order <= 0 ? old.advance() : undefined, order >= 0 ? now.advance() : undefined];
      for (const each of moved) if (each !== undefined) await each;
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  } finally {
    await old.close();
    await now.close();
  }
}

async function* lines(layers: readonly StateLayer[]): AsyncGenerator<string[], void> {
  for await (const entries of readState(layers)) yield entries.map(({ line }) => line);
}

/** Lines are ordered as their keys are, none of which is the beginning of another. */
function orderOf(a: string | undefined, b: string | undefined): number {
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  const length = keyLength(a);
  if (b.length > length && b.startsWith(a.slice(0, length))) return 0;
  return a < b ? -1 : 1;
}

function differenceOf(a: string | undefined, b: string | undefined): StateDifference | null {
  if (a === b) return null;
  const before = a === undefined ? null : parseRecord(a);
  const after = b === undefined ? null : parseRecord(b);
  if (before === null || after === null) return { before, after, fields: [] };
  const fields = DIFFERENT_FIELDS.filter((field) => before[field] !== after[field] && !(before.type === 'd' && ['size', 'mtime', 'ctime'].includes(field)));
  return fields.length === 0 ? null : { before, after, fields };
}
