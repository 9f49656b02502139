import { storedFiles, type Manifest, type ObjectLocation } from '../catalog/index.js';

/** A slice or a file of ours. */
export interface Part {
  readonly name: string;
  readonly bytes: number;
  readonly sha512: string;
  readonly locations: Readonly<Record<string, ObjectLocation>>;
}

/** Everything a manifest names, the index last: it is put on record last, and says that the copy is whole. */
export function partsOf(manifest: Manifest): Part[] {
  const files = storedFiles(manifest).filter((file) => file !== manifest.index);
  return [...manifest.archives.flatMap(({ slices }) => slices), ...files, manifest.index];
}

/** How much of a backup an LTS holds. */
export interface CopyState {
  readonly lts: string;
  /** complete: it alone can restore it · missing: it was to have it, or has a part of it · absent: it never was to. */
  readonly state: 'complete' | 'missing' | 'absent';
  /** Of the whole backup, and of what is there. */
  readonly bytes: bigint;
  readonly thereBytes: bigint;
}

/** What each LTS holds of a backup (pure). Of an import, which lies where it was found, a part is not taken for a copy that is owed. */
export function copyStates(manifest: Manifest, lts: readonly string[]): CopyState[] {
  const parts = partsOf(manifest);
  const bytes = sum(parts);
  return lts.map((name) => {
    const there = parts.filter(({ locations }) => locations[name] !== undefined);
    const isOwed = manifest.lacks?.includes(name) === true || (there.length > 0 && manifest.imported === undefined);
    return { lts: name, state: there.length === parts.length ? 'complete' : isOwed ? 'missing' : 'absent', bytes, thereBytes: sum(there) };
  });
}

/** Names of the LTS that owe a copy of it (pure). */
export function owedBy(manifest: Manifest, lts: readonly string[]): string[] {
  return copyStates(manifest, lts).filter(({ state }) => state === 'missing').map((each) => each.lts);
}

/** LTS of which a copy is whole (pure). */
export function isCompleteIn(manifest: Manifest, lts: string): boolean {
  return partsOf(manifest).every(({ locations }) => locations[lts] !== undefined);
}

function sum(parts: readonly Part[]): bigint {
  return parts.reduce((total, { bytes }) => total + BigInt(bytes), 0n);
}
