import { createSmall, slicesOf, type CatalogueEntry, type SmallSpec } from '../../../shared/dar/index.js';
import { isolatedBase, type ArchiveSpec, type RawArchive } from './make-archive.js';

/** Up to this much is saved, isolated and listed in one go (createSmall): some 0.1 s of dar. */
const FILES = 1_000;
const BYTES = 4n * 1024n * 1024n;

export interface SmallRaw extends RawArchive {
  /** All it holds. */
  readonly entries: readonly CatalogueEntry[];
  readonly beforeCode: number;
}

export function isSmall({ records, bytes }: { readonly records: number; readonly bytes: bigint }, { includePaths, dar }: Pick<ArchiveSpec, 'includePaths' | 'dar'>): boolean {
  return records <= FILES && bytes <= BYTES && bytes < BigInt(dar.sliceBytes) && includePaths.length === 0 && dar.encryption === null;
}

export type SmallArchiveSpec = Pick<ArchiveSpec, 'base' | 'root' | 'listFile' | 'dar' | 'logFile'> &
  Pick<SmallSpec, 'before' | 'timeoutMs'> & { readonly isolate: boolean; readonly signal: AbortSignal };

/** One archive of a few files with all that is to be known of it. Its slices are not sent. */
export async function makeSmall({ isolate, ...spec }: SmallArchiveSpec): Promise<SmallRaw> {
  const { base } = spec;
  const { outcome, entries, beforeCode } = await createSmall({ ...spec, catalogueBase: isolate ? isolatedBase(base) : null });
  const slices = await slicesOf(base);
  return { base, catalogueBase: null, interrupted: false, outcome, slices, unsent: slices, entries, beforeCode };
}
