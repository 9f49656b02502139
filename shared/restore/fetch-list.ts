import type { ManifestSlice } from '../catalog/manifest.js';
import type { TransferBackend } from '../transfer/backend.js';
import { isInPlace } from '../transfer/materialise.js';
import type { NeededArchive } from './needs.js';

export interface NeededSlice {
  readonly lts: string;
  readonly object: string;
  readonly offset: number;
  readonly bytes: number;
  /** Read where it lies: nothing is fetched. */
  readonly inPlace: boolean;
}

/** What a restore reads, each slice from the LTS it tries first (pure). `missing`: names of slices that no configured LTS has. */
export function fetchList(archives: readonly NeededArchive[], backends: readonly TransferBackend[]): { readonly slices: readonly NeededSlice[]; readonly missing: readonly string[] } {
  const slices: NeededSlice[] = [];
  const missing: string[] = [];
  for (const { archive, slices: wanted } of archives) {
    for (const slice of archive.slices) {
      if (wanted !== null && !wanted.has(slice.number)) continue;
      const found = firstCopy(slice, backends);
      if (found === null) missing.push(slice.name);
      else slices.push(found);
    }
  }
  return { slices, missing };
}

/** In the order of the configuration, as openSlice tries them. */
export function firstCopy({ locations, bytes }: Pick<ManifestSlice, 'locations' | 'bytes'>, backends: readonly TransferBackend[]): NeededSlice | null {
  for (const backend of backends) {
    const location = locations[backend.name];
    if (location !== undefined) return { lts: backend.name, object: location.object, offset: location.offset, bytes, inPlace: isInPlace(backend, location) };
  }
  return null;
}

export interface LtsShare {
  readonly lts: string;
  readonly objects: number;
  /** Of what is read; `fetchedBytes` of that comes through staging. */
  readonly bytes: number;
  readonly fetchedBytes: number;
  /** Objects that lie on tape, or may; `onTapeKnown`: the storage said which. */
  readonly onTapeObjects: number;
  readonly onTapeBytes: number;
  readonly onTapeKnown: boolean;
}

/** By LTS (pure). `offline`: objects that have to be recalled; absent for an LTS that does not tell; `tape`: LTS that are on tape. */
export function shareByLts(slices: readonly NeededSlice[], tape: ReadonlySet<string>, offline: ReadonlyMap<string, ReadonlySet<string>>): LtsShare[] {
  const names = [...new Set(slices.map(({ lts }) => lts))].sort();
  return names.map((lts) => {
    const own = slices.filter((slice) => slice.lts === lts);
    const known = offline.get(lts);
    const onTape = own.filter(({ object }) => known?.has(object) ?? tape.has(lts));
    return {
      lts,
      objects: countObjects(own),
      bytes: sumBytes(own),
      fetchedBytes: sumBytes(own.filter(({ inPlace }) => !inPlace)),
      onTapeObjects: countObjects(onTape),
      onTapeBytes: sumBytes(onTape),
      onTapeKnown: known !== undefined || !tape.has(lts),
    };
  });
}

function countObjects(slices: readonly NeededSlice[]): number {
  return new Set(slices.map(({ object }) => object)).size;
}

function sumBytes(slices: readonly NeededSlice[]): number {
  return slices.reduce((sum, { bytes }) => sum + bytes, 0);
}
