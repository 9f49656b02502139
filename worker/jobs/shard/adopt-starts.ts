import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TopdirConfig } from '../../../shared/config/config.js';
import type { CompleteSlice } from '../../../shared/dar/index.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { isHeard } from '../../../shared/hosts/silence.js';
import { ShardReconciler, type SuspendedShard } from '../../../shared/index/reconcile.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import { continueStrays, findStrays } from '../../../shared/process/index.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { MadeArchive, ShardPart } from '../../../shared/runs/shard-result.js';
import { newStart, shardName, startNumber } from '../../../shared/runs/start-name.js';
import type { PlanFile, PlannedShard } from '../backup/plan-file.js';
import { writePart } from './keep-part.js';
import type { KeptParts, PartPlace } from './kept-parts.js';
import { findArchive, proveLeft, type LeftArchive } from './left-archive.js';
import { readSegmentNotes, type SegmentNote } from './segment-note.js';
import { orderAgain } from './order-again.js';
import { SliceSender } from './slice-sender.js';

/** What a start knows of its shard before it begins. */
export interface AdoptPlace extends PartPlace {
  readonly state: Run;
  readonly plan: PlanFile;
  readonly shard: PlannedShard;
  readonly topdir: TopdirConfig;
  readonly root: BytePath;
  /** The start that counts. */
  readonly start: string;
  /** Its number: those before it may have been cut off. */
  readonly attemptsStarted: number;
  /** Of that start. */
  readonly sender: SliceSender;
  readonly signal: AbortSignal;
}

/** A start that ended without a word: its worker was killed, or its host. */
interface LeftStart {
  readonly host: string;
  readonly name: string;
  readonly dir: string;
  readonly notes: readonly SegmentNote[];
}

/** A dar whose worker has died closes its archive within seconds (1.6 s with 700,000 files); one that hangs is not waited for. */
const CLOSING_MS = 60_000;
const LOOK_MS = 100;

/**
 * Makes a kept part of what a start that was cut off has saved, under a name of its own: what is found by its names, tested, and proven by its catalogue. True when there is one more;
 * what cannot be proven is left for the shard to save again, which is never wrong. Throws RUN_ENDED, and why `signal` is aborted.
 */
export async function adoptEarlierStart(place: AdoptPlace, kept: KeptParts | null): Promise<boolean> {
  for (const left of await leftStarts(place, kept)) {
    try {
      if (await adopt(place, kept, left)) return true;
    } catch (thrown) {
      place.signal.throwIfAborted();
      const error = toBwError(thrown);
      if (error.code === 'RUN_ENDED') throw thrown;
      place.logger.warn({ err: error, start: left.name }, 'what a start that was cut off left cannot be used');
    }
  }
  return false;
}

/** The latest first; only those that went on from the same parts, with the same plan. */
async function leftStarts(place: AdoptPlace, kept: KeptParts | null): Promise<LeftStart[]> {
  const { context: { staging }, data: { backupId, shard } } = place;
  const found: LeftStart[] = [];
  for (const host of await hostsInSight(place)) {
    for (const name of await staging.startsOn(host, backupId)) {
      const number = startNumber(name);
      if (!name.startsWith(`${shardName(shard)}-`) || number === null || number >= place.attemptsStarted) continue;
      const dir = staging.dirOf(host, backupId, name);
      const notes = await readSegmentNotes(dir).catch(() => []); // cut off while it wrote one, or swept meanwhile
      if (goesOnFrom(notes, place, kept)) found.push({ host, name, dir, notes });
    }
  }
  return found.sort((a, b) => (startNumber(b.name) ?? 0) - (startNumber(a.name) ?? 0));
}

/** Whether the archives can be told from the list that this start begins with (pure). */
export function goesOnFrom(notes: readonly SegmentNote[], { state, shard }: { readonly state: Pick<Run, 'work'>; readonly shard: Pick<PlannedShard, 'file'> }, kept: Pick<KeptParts, 'files' | 'left'> | null): boolean {
  const [first] = notes;
  if (first === undefined || first.work !== state.work) return false;
  return first.recordsFile === basename(kept?.left.recordsFile ?? shard.file) && first.earlier.join('/') === (kept?.files ?? []).join('/');
}

/** This one, and those whose staging is seen here too, on a shared filesystem, and where no worker runs that may still be at it. */
async function hostsInSight({ context, data }: AdoptPlace): Promise<string[]> {
  const { config: { host }, presence, runs } = context;
  const others = (await runs.hosts(data.backupId)).filter((each) => each !== host);
  if (others.length === 0) return [host];
  const heard = await presence.heard();
  return [host, ...others.filter((other) => !isHeard(other, heard))];
}

async function adopt(place: AdoptPlace, kept: KeptParts | null, left: LeftStart): Promise<boolean> {
  const { context, data, logger } = place;
  if (!(await untilEnded(left.dir, place.signal))) {
    logger.warn({ start: left.name }, 'the dar of a start that was cut off does not end: it is not waited for');
    return false;
  }
  const start = `${shardName(data.shard)}-${newStart(place.attemptsStarted - 1)}`;
  const to = await context.staging.createStart(data.backupId, start);
  const proven = await prove(place, kept, left, { start, to }).catch(async (thrown: unknown) => {
    await context.staging.removeStart(data.backupId, start);
    throw thrown;
  });
  // From here on slices on record may lie there: should it be cut off, they are sent from there until the next start drops them, with the directory.
  if (proven !== null && (await record(place, kept, proven, start))) {
    const { records, bytes } = proven.suspended.left;
    logger.info({ start: left.name, archives: proven.made.length, left: records, leftBytes: bytes.toString() }, 'a start was cut off: what it saved is taken over');
    return true;
  }
  await context.staging.removeStart(data.backupId, start);
  return false;
}

/** False when a dar that writes there goes on all the same. */
async function untilEnded(dir: string, signal: AbortSignal): Promise<boolean> {
  for (let waited = 0; ; waited += LOOK_MS) {
    await continueStrays(dir);
    if ((await findStrays(dir)).length === 0) return true;
    if (waited >= CLOSING_MS) return false;
    await sleep(LOOK_MS, undefined, { signal });
  }
}

interface Proven {
  readonly made: readonly MadeArchive[];
  readonly archives: readonly LeftArchive[];
  readonly unsent: readonly CompleteSlice[];
  readonly suspended: SuspendedShard;
  /** Number of the last archive, whether or not it counts. */
  readonly segment: number;
  readonly discarded: number;
}

/** Goes through its rounds again: what changed since then is looked at as it is now. Null when nothing counts. */
async function prove(place: AdoptPlace, kept: KeptParts | null, left: LeftStart, { start, to }: { readonly start: string; readonly to: string }): Promise<Proven | null> {
  const { context, data, root, workDir, shard, plan, signal } = place;
  const reconciler = new ShardReconciler({
    root,
    recordsFile: kept?.left.recordsFile ?? join(workDir, shard.file),
    sorted: kept !== null || shard.sorted,
    hasParent: plan.parent !== null,
    ...(kept === null ? {} : { earlier: kept.settled }),
    workDir,
    name: start,
    signal,
  });
  const [made, archives, unsent]: [MadeArchive[], LeftArchive[], CompleteSlice[]] = [[], [], []];
  try {
    const items = await context.items.all(data.backupId);
    for (const note of left.notes) {
      const name = `${data.basepathId}.${data.backupId}.${left.name}.${note.segment}`;
      const archive = await findArchive(place, note, { from: left.dir, to, name, items });
      if (archive === null) continue; // thrown away, or not begun
      const proof = await proveLeft(place, reconciler, archive, start).catch((thrown: unknown) => unlessUseful(place, made, thrown));
      if (proof === null) break; // what came after it was made of what it left
      made.push(proof.made);
      archives.push(archive);
      unsent.push(...proof.unsent);
    }
    if (made.length === 0) return null;
    return { made, archives, unsent, suspended: await reconciler.suspend(), segment: left.notes.at(-1)?.segment ?? 0, discarded: left.notes.length - made.length };
  } finally {
    await reconciler.close();
  }
}

/** An archive that is none does not spoil those before it. */
function unlessUseful({ signal, logger }: AdoptPlace, made: readonly MadeArchive[], thrown: unknown): null {
  if (signal.aborted || made.length === 0) throw thrown;
  logger.warn({ err: toBwError(thrown) }, 'the last archive of a start that was cut off cannot be used');
  return null;
}

/** Its slices on record first, of the new start; then the part, which counts only while the start that takes it over does. */
async function record(place: AdoptPlace, kept: KeptParts | null, proven: Proven, start: string): Promise<boolean> {
  const { context, data, shard } = place;
  const { host } = context.config;
  const sender = new SliceSender(context, { ...place.sender.options, start });
  const { suspended: { settledFile, exceptionsFile, counts, settledRecords, left }, made, segment, discarded } = proven;
  const part: ShardPart = {
    v: 1,
    shard: shard.number,
    start,
    host,
    archives: [...made],
    settled: basename(settledFile),
    exceptions: exceptionsFile === null ? null : basename(exceptionsFile),
    log: null,
    counts,
    discarded,
    earlier: [...(kept?.files ?? [])],
    settledRecords,
    left: { file: basename(left.recordsFile), records: left.records, bytes: left.bytes.toString() },
    segment,
    extras: false,
  };
  const file = await writePart(place.workDir, part);
  await takeOver(place, proven.archives, start);
  await sender.send(proven.unsent);
  const onTheirWay = new Map(proven.archives.flatMap((archive) => [...archive.onTheirWay]));
  await orderAgain(place, sender, onTheirWay);
  return context.runs.keepPart(data.backupId, data.shard, place.start, file);
}

/** What was on record becomes the new start's; what is not away yet is sent from its place. */
async function takeOver({ context, data, sender }: AdoptPlace, archives: readonly LeftArchive[], start: string): Promise<void> {
  const { host } = context.config;
  const places = new Map<string, Pick<StoredItem, 'host' | 'file' | 'start'>>();
  for (const { slices, unsent } of archives) {
    for (const slice of slices.slice(0, slices.length - unsent.length)) places.set(sender.objectOf(slice), { host, file: slice.file, start });
  }
  if (await context.items.takeOver(data.backupId, sender.options.claim, places)) return;
  await sender.options.check();
  throw new Error('slices that were on record are not any more');
}
