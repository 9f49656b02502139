import type { StageState } from '../transfer/backend.js';
import { isAway } from '../transfer/recall.js';

/** Objects in one order of recall: enough for a tape library to find its best way, few enough for one call. */
const BATCH_OBJECTS = 1_000;

/** The orders of a recall (pure): each object once, in the order of the media they lie on, so that no tape is mounted twice; those of unknown place come last, as they are wanted. */
export function recallBatches(objects: readonly string[], media: ReadonlyMap<string, string>, most = BATCH_OBJECTS): string[][] {
  const placeOf = (object: string): string => media.get(object) ?? '\uffff';
  const sorted = [...new Set(objects)].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : Number(placeOf(a) > placeOf(b))));
  return Array.from({ length: Math.ceil(sorted.length / most) }, (_, i) => sorted.slice(i * most, (i + 1) * most));
}

/** A storage whose disk cannot hold a whole archive may never have all of it: after so long it is read as it comes, ms. */
const PATIENCE_MS = 6 * 3_600_000;

/**
 * Whether an archive may be opened (pure): all that is needed of it is there; or at least the slice dar begins with is, and waiting for more does not help, because nothing
 * is on its way any more, or it has taken too long. What is missing then is waited for slice by slice.
 */
export function mayOpen(states: readonly StageState[], first: StageState, waitedMs: number): boolean {
  if (!states.some(isAway)) return true;
  return !isAway(first) && (states.every((state) => state !== 'recalling') || waitedMs > PATIENCE_MS);
}

/** How long what waits for a recall stays away, ms (pure): with many that ask, each asks less often. */
export function lookAgainMs(parts: number): number {
  return Math.min(600_000, Math.max(30_000, parts * 1_000));
}
