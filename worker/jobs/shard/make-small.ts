import { basename } from 'node:path';
import { createSmall, slicesOf, type CatalogueEntry, type SmallArchive, type SmallSpec } from '../../../shared/dar/index.js';
import { darHung } from '../../../shared/watchdog/hung.js';
import { watchWork } from '../../../shared/watchdog/watch-work.js';
import { isolatedBase, type ArchiveRun, type ArchiveSpec, type RawArchive } from './make-archive.js';

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
  Pick<SmallSpec, 'before' | 'timeoutMs'> & Pick<ArchiveRun, 'onHung'> & { readonly isolate: boolean; readonly signal: AbortSignal };

/** One archive of a few files with all that is to be known of it. Its slices are not sent. Throws DAR_HUNG, and what createSmall throws. */
export async function makeSmall(spec: SmallArchiveSpec): Promise<SmallRaw> {
  const { base } = spec;
  const { outcome, entries, beforeCode } = await watched(spec);
  const slices = await slicesOf(base);
  return { base, catalogueBase: null, interrupted: false, outcome, slices, unsent: slices, entries, beforeCode };
}

async function watched({ isolate, onHung, ...spec }: SmallArchiveSpec): Promise<SmallArchive> {
  const { base, signal, dar: { inactivityTimeoutMs } } = spec;
  const watch = watchWork(base, inactivityTimeoutMs);
  try {
    return await createSmall({ ...spec, signal: AbortSignal.any([signal, watch.hung]), catalogueBase: isolate ? isolatedBase(base) : null });
  } catch (thrown) {
    if (!watch.hung.aborted) throw thrown;
    onHung();
    throw darHung(basename(base), inactivityTimeoutMs, thrown);
  } finally {
    watch.stop();
  }
}
