import { basename, dirname } from 'node:path';
import type { DarConfig } from '../../../shared/config/config.js';
import {
  rehash,
  startCreate,
  watchSlices,
  type CompleteSlice,
  type CreateOutcome,
  type DarCreate,
} from '../../../shared/dar/index.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import { darHung } from '../../../shared/watchdog/hung.js';
import { watchChild } from '../../../shared/watchdog/watch-child.js';
import type { StagingAccount } from '../../staging/account.js';
import type { Brake } from '../../supervise/brake.js';
import { inRoom, isLarge } from './in-room.js';
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
  /** Of contents, and how many paths, from the plan: whether it may be more than a slice. */
  readonly bytes: bigint;
  readonly entries: number;
  readonly dar: DarConfig;
  readonly logFile: string;
  readonly secretsDir: string;
}

export interface ArchiveRun {
  readonly sender: SliceSender;
  /** Aborted: dar is killed, nothing of the archive counts. */
  readonly signal: AbortSignal;
  /** Aborted: dar closes the archive, and what it holds then counts once it was tested. */
  readonly stop: AbortSignal;
  /** Stops dar while it is held. */
  readonly brake: Brake;
  readonly account: StagingAccount;
  /** Of its backup, lower first. */
  readonly priority: number;
  /** There was no room in staging for it for longer than staging.maxPause. */
  readonly onPausedTooLong: () => void;
  readonly onStart: (create: DarCreate) => void;
  /** Its dar hangs, and is about to be asked to end. */
  readonly onHung: () => void;
}

export interface RawArchive {
  readonly base: string;
  /** Of the catalogue that was isolated while dar wrote; null when there is none, and the last slice is still there to be read. */
  readonly catalogueBase: string | null;
  /** Closed early: not all of the list is in it, and it is to be tested. */
  readonly interrupted: boolean;
  readonly outcome: CreateOutcome;
  readonly slices: readonly CompleteSlice[];
  /** Not sent yet: their archive was small, and is sent when its catalogue was read. */
  readonly unsent: readonly CompleteSlice[];
}

/**
 * Runs one dar while there is room in staging, and brings its slices away while it still writes. An archive of one slice keeps it until its catalogue was read and isolated
 * (`dar -C`: 7 ms for a few files, 0.8 s for 200,000). A bigger one isolates on the fly (-@), which costs 0.1-1 s of start-up and compresses
 * with bzip2 -9, 1.8 s for 200,000 files, but needs none of its slices again. Throws NotBegun, DAR_HUNG, and PROGRAM_UNKILLABLE.
 */
export function makeArchive(spec: ArchiveSpec, run: ArchiveRun): Promise<RawArchive> {
  return inRoom(spec, run, (brake) => runDar(spec, run, brake));
}

async function runDar(spec: ArchiveSpec, run: ArchiveRun, brake: Brake): Promise<RawArchive> {
  // With -+, dar takes -@ for a second archive to merge: a copy keeps its slices until its catalogue was read, however big it is.
  const onFly = isLarge(spec) && spec.mergeFrom === undefined;
  const catalogueBase = onFly ? isolatedBase(spec.base) : null;
  run.signal.throwIfAborted();
  const create = await startCreate({ ...spec, catalogueBase });
  const detach = brake.attach(create);
  run.onStart(create);
  const { inactivityTimeoutMs: inactivityMs } = spec.dar;
  const watch = watchChild(create, { inactivityMs, heldMs: () => brake.heldMs, onHung: run.onHung });
  const kill = (): void => {
    create.kill();
    watch.killed();
  };
  const stopListening = listen(create, run, kill, detach);
  try {
    const complete = await collectSlices(spec, create, run, onFly);
    const outcome = await create.done;
    run.signal.throwIfAborted();
    const interrupted = outcome.meaning === 'interrupted';
    const { slices, unsent } = interrupted ? await rehashUnsent(complete) : complete;
    return { base: spec.base, catalogueBase: interrupted ? null : catalogueBase, interrupted, outcome, slices, unsent };
  } catch (thrown) {
    kill();
    await create.done.catch(() => undefined); // what ended it is known already; nothing of ours writes on after the job, but what nobody can end
    run.signal.throwIfAborted(); // then that is why
    throw watch.isHung() ? darHung(basename(spec.base), inactivityMs, thrown) : thrown;
  } finally {
    watch.stop();
    stopListening();
    detach();
  }
}

/** `release` takes the brake off: one that is asked to end is not stopped any more. */
function listen(create: DarCreate, { signal, stop }: ArchiveRun, kill: () => void, release: () => void): () => void {
  const close = (): void => {
    create.terminate(); // before it goes on: it writes no more than it must
    release();
  };
  signal.addEventListener('abort', kill);
  stop.addEventListener('abort', close);
  if (stop.aborted) close();
  if (signal.aborted) kill();
  return () => {
    signal.removeEventListener('abort', kill);
    stop.removeEventListener('abort', close);
  };
}

/** Base of the isolated catalogue of an archive. */
export function isolatedBase(base: string): string {
  return `${base}.cat`;
}

/** With slices that are small beside the catalogue the one dar went back in is not the last. */
async function rehashUnsent({ slices, unsent }: Pick<RawArchive, 'slices' | 'unsent'>): Promise<Pick<RawArchive, 'slices' | 'unsent'>> {
  const again: CompleteSlice[] = [];
  for (const slice of unsent) again.push(await rehash(slice));
  return { slices: [...slices.slice(0, slices.length - again.length), ...again], unsent: again };
}

/** Slices that become complete after the stop are kept back: only what is still here can be tested. */
async function collectSlices(spec: ArchiveSpec, create: DarCreate, { sender, stop, account }: ArchiveRun, early: boolean): Promise<Pick<RawArchive, 'slices' | 'unsent'>> {
  const slices: CompleteSlice[] = [];
  const unsent: CompleteSlice[] = [];
  const watch = watchSlices({ dir: dirname(spec.base), baseName: basename(spec.base), finished: create.done, intervalMs: () => account.lookMs });
  for await (const complete of watch) {
    slices.push(...complete);
    if (early && !stop.aborted) await sender.send(complete);
    else unsent.push(...complete);
  }
  return { slices, unsent };
}
