import { basename, dirname } from 'node:path';
import type { DarConfig } from '../../../shared/config/config.js';
import {
  startCreate,
  watchSlices,
  type CompleteSlice,
  type CreateOutcome,
  type DarCreate,
} from '../../../shared/dar/index.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import type { Brake } from '../../supervise/brake.js';
import type { SliceSender } from './slice-sender.js';

export interface ArchiveSpec {
  /** Absolute path without slice number and extension. */
  readonly base: string;
  readonly root: BytePath;
  readonly listFile: string | null;
  readonly reference?: string;
  readonly mergeFrom?: string;
  readonly prunePaths?: readonly BytePath[];
  readonly includePaths: readonly BytePath[];
  /** Of contents, from the plan: whether it may be more than a slice. */
  readonly bytes: bigint;
  readonly dar: DarConfig;
  readonly logFile: string;
  readonly secretsDir: string;
}

export interface ArchiveRun {
  readonly sender: SliceSender;
  readonly signal: AbortSignal;
  /** Stops dar while it is held. */
  readonly brake: Brake;
  readonly onStart: (create: DarCreate) => void;
}

export interface RawArchive {
  readonly base: string;
  /** Of the catalogue that was isolated while dar wrote; null when the archive itself is still there to be read. */
  readonly catalogueBase: string | null;
  readonly outcome: CreateOutcome;
  readonly slices: readonly CompleteSlice[];
  /** Not sent yet: their archive was small, and is sent when its catalogue was read. */
  readonly unsent: readonly CompleteSlice[];
}

/**
 * Runs one dar and brings its slices away while it still writes. An archive of one slice keeps it until its catalogue was read and isolated
 * (`dar -C`: 7 ms for a few files, 0.8 s for 200,000). A bigger one isolates on the fly (-@), which costs 0.1-1 s of start-up and compresses
 * with bzip2 -9, 1.8 s for 200,000 files, but needs none of its slices again.
 */
export async function makeArchive(spec: ArchiveSpec, run: ArchiveRun): Promise<RawArchive> {
  const onFly = spec.bytes >= BigInt(spec.dar.sliceBytes);
  const catalogueBase = onFly ? isolatedBase(spec.base) : null;
  const create = await startCreate({ ...spec, catalogueBase });
  const release = run.brake.attach(create);
  run.onStart(create);
  const stop = (): void => {
    create.terminate();
  };
  run.signal.addEventListener('abort', stop, { once: true });
  if (run.signal.aborted) stop();
  try {
    const slices = await collectSlices(spec, create, onFly ? run.sender : null);
    const outcome = await create.done;
    run.signal.throwIfAborted();
    return { base: spec.base, catalogueBase, outcome, slices, unsent: onFly ? [] : slices };
  } catch (thrown) {
    stop();
    await create.done.catch(() => undefined); // what ended it is known already; nothing of ours writes on after the job
    throw thrown;
  } finally {
    run.signal.removeEventListener('abort', stop);
    release();
  }
}

/** Base of the isolated catalogue of an archive. */
export function isolatedBase(base: string): string {
  return `${base}.cat`;
}

async function collectSlices(spec: ArchiveSpec, create: DarCreate, sender: SliceSender | null): Promise<CompleteSlice[]> {
  const all: CompleteSlice[] = [];
  const watch = watchSlices({ dir: dirname(spec.base), baseName: basename(spec.base), finished: create.done });
  for await (const slices of watch) {
    all.push(...slices);
    await sender?.send(slices);
  }
  return all;
}
