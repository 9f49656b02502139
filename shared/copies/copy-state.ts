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

/**
 * What each LTS holds of a backup (pure). Our own files may go into a bundle behind it, which no manifest names: where all slices are and none of these, it is complete. One
 * without slices, as nothing had changed, is complete like that in those of `bundling` (bundlingLts). Of an import, which lies where it was found, a part is not taken for a copy that is owed.
 */
export function copyStates(manifest: Manifest, lts: readonly string[], bundling: readonly string[] = []): CopyState[] {
  const slices = manifest.archives.flatMap((archive) => archive.slices);
  const files = storedFiles(manifest);
  const bytes = sum([...slices, ...files]);
  return lts.map((name) => {
    const isThere = ({ locations }: Pick<Part, 'locations'>): boolean => locations[name] !== undefined;
    const there = { slices: slices.filter(isThere), files: files.filter(isThere) };
    const missing = slices.length - there.slices.length + (files.length - there.files.length);
    const inBundle = there.files.length === 0 && there.slices.length === slices.length && (slices.length > 0 || bundling.includes(name));
    const isListed = manifest.lacks?.includes(name) === true;
    const isPart = there.slices.length + there.files.length > 0 && manifest.imported === undefined;
    const state = missing === 0 || (inBundle && !isListed) ? 'complete' : isListed || isPart ? 'missing' : 'absent';
    return { lts: name, state, bytes, thereBytes: sum([...there.slices, ...there.files]) };
  });
}

/** Names of the LTS that owe a copy of it (pure). */
export function owedBy(manifest: Manifest, lts: readonly string[]): string[] {
  return copyStates(manifest, lts).filter(({ state }) => state === 'missing').map((each) => each.lts);
}

/** Whether an LTS alone can restore it (pure). */
export function isCompleteIn(manifest: Manifest, lts: string, bundling: readonly string[] = []): boolean {
  return copyStates(manifest, [lts], bundling)[0]?.state === 'complete';
}

/** What the configuration says of bundles. */
export interface BundlingConfig {
  readonly lts: readonly { readonly name: string; readonly bundle: object | null }[];
  readonly topdirs: readonly { readonly path: string; readonly lts: readonly string[] }[];
}

/** Names of the LTS that a backup goes to and where our own files are in bundles (pure): that is not in manifests. Of a topdir that is not configured any more, all such. */
export function bundlingLts({ lts, topdirs }: BundlingConfig, { source }: Pick<Manifest, 'source'>): string[] {
  const own = topdirs.find(({ path }) => path === source.topdir)?.lts;
  return lts.filter(({ name, bundle }) => bundle !== null && own?.includes(name) !== false).map(({ name }) => name);
}

function sum(parts: readonly Pick<Part, 'bytes'>[]): bigint {
  return parts.reduce((total, { bytes }) => total + BigInt(bytes), 0n);
}
