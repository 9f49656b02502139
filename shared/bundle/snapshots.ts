import { snapshotPart, type SnapshotPart } from './names.js';

/** The newest, and two in case something is wrong with it. */
export const SNAPSHOTS_KEPT = 3;

/** A snapshot of which all parts are there, in their order. */
export interface CompleteSnapshot {
  readonly id: string;
  readonly startedMs: number;
  readonly objects: readonly string[];
}

/** Complete snapshots among these objects, the newest first (pure). */
export function completeSnapshots(objects: readonly string[]): CompleteSnapshot[] {
  return groups(objects)
    .filter((parts) => parts.at(-1)?.isLast === true && parts.every(({ part }, i) => part === i + 1))
    .map((parts) => ({ id: parts[0]?.id ?? '', startedMs: parts[0]?.startedMs ?? 0, objects: parts.map(({ object }) => object) }));
}

/** Objects of snapshots that may go (pure): of all that are older than the oldest of those `kept` newest complete ones, and incomplete ones older than the newest. */
export function staleSnapshots(objects: readonly string[], kept: number): string[] {
  const complete = completeSnapshots(objects).slice(0, kept);
  const [newest] = complete;
  if (newest === undefined) return [];
  const stays = new Set(complete.map(({ id }) => id));
  return groups(objects).filter((parts) => !stays.has(parts[0]?.id ?? '') && (parts[0]?.id ?? '') < newest.id).flatMap((parts) => parts.map(({ object }) => object));
}

/** By snapshot, the newest first; parts in their order. */
function groups(objects: readonly string[]): SnapshotPart[][] {
  const byId = new Map<string, SnapshotPart[]>();
  for (const part of objects.map(snapshotPart).filter((each) => each !== null)) byId.set(part.id, [...(byId.get(part.id) ?? []), part]);
  return [...byId].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, parts]) => parts.sort((a, b) => a.part - b.part));
}
