import { basename, dirname } from 'node:path';
import type { DarConfig } from '../../../shared/config/config.js';
import {
  isolateCatalogue,
  startCreate,
  watchSlices,
  type CompleteSlice,
  type CreateOutcome,
  type DarCreate,
} from '../../../shared/dar/index.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import type { SliceSender } from './slice-sender.js';

export interface ArchiveSpec {
  /** Absolute path without slice number and extension. */
  readonly base: string;
  readonly root: BytePath;
  readonly listFile: string;
  readonly includePaths: readonly BytePath[];
  /** From the plan, to choose how the catalogue is isolated. */
  readonly records: number;
  readonly bytes: bigint;
  readonly dar: DarConfig;
  readonly logFile: string;
  readonly secretsDir: string;
  /** Default true; false where no catalogue is kept. */
  readonly isolate?: boolean;
}

export interface ArchiveRun {
  readonly sender: SliceSender;
  readonly signal: AbortSignal;
  readonly onStart: (create: DarCreate) => void;
}

export interface RawArchive {
  readonly base: string;
  readonly catalogueBase: string;
  readonly outcome: CreateOutcome;
  readonly slices: readonly CompleteSlice[];
  /** Slices wait for `release`: their archive was small and is sent when its catalogue was read. */
  readonly unsent: readonly CompleteSlice[];
}

/**
 * From here on dar isolates the catalogue while it writes (-@): it costs 0.1-1 s of start-up, but `dar -C` afterwards
 * costs 2.4 s against 1.1 s for 200,000 files; for small archives -C takes 10 ms (notes of the design, re-measured).
 */
const ON_FLY_RECORDS = 5_000;

/**
 * Runs one dar and brings its slices away while it still writes. A small archive keeps its slices until the
 * catalogue is isolated from them; a big one isolates on the fly and needs none of them again.
 */
export async function makeArchive(spec: ArchiveSpec, run: ArchiveRun): Promise<RawArchive> {
  const onFly = spec.records >= ON_FLY_RECORDS || spec.bytes >= BigInt(spec.dar.sliceBytes);
  const catalogueBase = `${spec.base}.cat`;
  const create = await startCreate({ ...spec, catalogueBase: onFly ? catalogueBase : null });
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
    if (!onFly && spec.isolate !== false) await isolateCatalogue(spec.base, catalogueBase, spec.dar, { secretsDir: spec.secretsDir });
    return { base: spec.base, catalogueBase, outcome, slices, unsent: onFly ? [] : slices };
  } catch (thrown) {
    stop();
    await create.done.catch(() => undefined); // what ended it is known already; nothing of ours writes on after the job
    throw thrown;
  } finally {
    run.signal.removeEventListener('abort', stop);
  }
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
