import { basename, join } from 'node:path';
import { isolateCatalogue, listCatalogue, testSlicesFrom, type CatalogueEntry, type DarCreate } from '../../../shared/dar/index.js';
import { removeFile } from '../../../shared/files/remove-file.js';
import { writeDarList } from '../../../shared/index/dar-list.js';
import { LineWriter, readRecordFile } from '../../../shared/index/line-file.js';
import type { SettledFile } from '../../../shared/index/merge-newest.js';
import { messageLookup } from '../../../shared/index/dar-messages.js';
import { ShardReconciler, type RoundResult, type ShardOutcome, type SuspendedShard } from '../../../shared/index/reconcile.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import type { MadeArchive } from '../../../shared/runs/shard-result.js';
import { describeArchive, EntryCounter, keepCatalogue } from './describe-archive.js';
import { inRoom, NotBegun } from './in-room.js';
import { isolatedBase, makeArchive, type RawArchive } from './make-archive.js';
import { isSmall, makeSmall } from './make-small.js';
import { archiveName, archiveRunOf, inStaging, stopped, type ShardFrame } from './open-shard.js';
import { reportWhile } from './report-progress.js';
import { noteSegment } from './segment-note.js';
import { throwAway } from './throw-away.js';

export interface SavedShard {
  /** What another start needs to go on with no record left; null where it has to begin at the beginning, or has it already. */
  readonly whole: { readonly settledRecords: number; readonly segment: number } | null;
  readonly archives: readonly MadeArchive[];
  /** Names in the work directory. */
  readonly settled: string;
  readonly exceptions: string | null;
  readonly counts: ShardOutcome['counts'];
  /** What dar said beside statistics, raw bytes. */
  readonly messages: readonly Buffer[];
  /** Archives that were thrown away. */
  readonly discarded: number;
}

/** Stopped before all was saved, with something saved. */
export interface SuspendedRounds extends SavedShard {
  readonly suspended: Pick<SuspendedShard, 'settledRecords' | 'left'> & { readonly segment: number };
}

interface Left {
  readonly recordsFile: string;
  readonly records: number;
  readonly bytes: bigint;
}

/** Archives of a shard that were thrown away whole do not use up its tries, up to so many: one directory that became a link must not leave all else unsaved. */
const MAX_REFUSED = 3;

/**
 * Archives the shard's list, or what earlier starts left of it, proves by the catalogue what was saved, and archives what changed meanwhile again, a segment
 * per round, at most dar.retryOnChange times. What is left then is an exception. Asked to stop, it returns what was saved by then; throws STOPPED when that is nothing.
 */
export async function saveInRounds(frame: ShardFrame): Promise<SavedShard | SuspendedRounds> {
  const { shard, root, workDir, start, run, topdir, kept } = frame;
  if (shard.records === 0) return savedNothing(frame);
  if (kept?.left.records === 0) return savedBefore(kept.settled);
  const first: Left = kept?.left ?? { recordsFile: join(workDir, shard.file), records: shard.records, bytes: BigInt(shard.bytes) };
  const reconciler = new ShardReconciler({
    root,
    recordsFile: first.recordsFile,
    sorted: kept !== null || shard.sorted,
    hasParent: frame.plan.parent !== null,
    ...(kept === null ? {} : { earlier: kept.settled }),
    workDir,
    name: start,
    signal: run.signal,
  });
  const made: Made = { archives: [], messages: [], discarded: 0, segment: kept?.segment ?? 0 };
  try {
    let left: Left | null = first;
    let tries = 1 + topdir.dar.retryOnChange;
    let refused = 0;
    while (left !== null && tries > 0) {
      if (frame.stop.aborted) return await suspend(frame, reconciler, made);
      const round: RoundEnd | null = await saveOnce(frame, reconciler, made, left).catch(unlessNotBegun);
      if (round === null) return await suspend(frame, reconciler, made);
      const { retry, interrupted, accepted }: RoundEnd = round;
      if (!accepted && refused < MAX_REFUSED) refused++;
      else tries--;
      left = retry === null ? null : { ...retry, bytes: await bytesIn(retry.recordsFile) };
      if (left !== null && interrupted) return await suspend(frame, reconciler, made);
    }
    return outcomeOf(await reconciler.finish(), made);
  } finally {
    await reconciler.close();
  }
}

/** What is tried again may be one file of many slices. */
async function bytesIn(recordsFile: string): Promise<bigint> {
  let bytes = 0n;
  for await (const records of readRecordFile(recordsFile)) for (const { type, size } of records) if (type === 'f') bytes += BigInt(size);
  return bytes;
}

function unlessNotBegun(thrown: unknown): null {
  if (thrown instanceof NotBegun) return null;
  throw thrown;
}

/** What the rounds of one start have made so far. */
interface Made {
  readonly archives: MadeArchive[];
  readonly messages: Buffer[];
  discarded: number;
  /** Number of the last archive; they go on where earlier starts ended. */
  segment: number;
}

/** `retry`: what is still to be saved. */
type RoundEnd = Pick<RoundResult, 'retry' | 'accepted'> & { readonly interrupted: boolean };

async function suspend(frame: ShardFrame, reconciler: ShardReconciler, made: Made): Promise<SuspendedRounds> {
  if (made.archives.length === 0) throw stopped(frame);
  const { left, ...outcome } = await reconciler.suspend();
  return { ...outcomeOf(outcome, made), suspended: { settledRecords: outcome.settledRecords, left, segment: made.segment } };
}

/** All records are saved, and what the first shard brings along is not: the next start has only that to make. */
export async function suspendWhole(frame: ShardFrame, saved: SavedShard): Promise<SuspendedRounds> {
  if (saved.whole === null) throw stopped(frame);
  const { settledRecords, segment } = saved.whole;
  const nothing = await LineWriter.create(join(frame.workDir, `${frame.start}.left`));
  await nothing.end();
  return { ...saved, suspended: { settledRecords, segment, left: { recordsFile: nothing.file, records: 0, bytes: 0n } } };
}

function outcomeOf({ settledFile, settledRecords, exceptionsFile, counts }: ShardOutcome, { archives, messages, discarded, segment }: Made): SavedShard {
  return { whole: archives.length === 0 ? null : { settledRecords, segment }, archives, settled: basename(settledFile), exceptions: exceptionsFile === null ? null : basename(exceptionsFile), counts, messages, discarded };
}

async function savedNothing(frame: ShardFrame): Promise<SavedShard> {
  const settled = await LineWriter.create(join(frame.workDir, `${frame.start}.settled`));
  await settled.end();
  const counts = { saved: 0, vanished: 0, changedThenSaved: 0, exceptions: 0 };
  return { whole: null, archives: [], settled: basename(settled.file), exceptions: null, counts, messages: [], discarded: 0 };
}

/** An earlier start had saved all of it, and nobody knew. */
function savedBefore({ file, saved }: SettledFile): SavedShard {
  return { whole: null, archives: [], settled: basename(file), exceptions: null, counts: { saved, vanished: 0, changedThenSaved: 0, exceptions: 0 }, messages: [], discarded: 0 };
}

/** Adds an archive to `made`, unless it holds something that would spoil a restore, or nothing at all: then it is thrown away. */
async function saveOnce(frame: ShardFrame, reconciler: ShardReconciler, made: Made, left: Left): Promise<RoundEnd> {
  const { raw, entries: listed } = await runDar(frame, ++made.segment, left);
  const { interrupted } = raw;
  const key = `${frame.shard.number}.${made.segment}`;
  const counter = new EntryCounter();
  const result = await prove(frame, reconciler, raw, { key, counter, listed });
  made.messages.push(...raw.outcome.errorLines);
  if (!result.accepted || counter.entries === 0) {
    if (!result.accepted) frame.run.logger.warn({ archive: key, unlisted: result.unlisted.map(showPath) }, 'archive thrown away: it holds what nobody listed');
    made.discarded++;
    await throwAway(frame, raw);
    return { ...result, interrupted };
  }
  frame.sender.hold(raw.unsent);
  const catalogue = await keepCatalogue(frame, raw);
  const what = { key, kind: 'data' as const, entries: counter.entries, directoriesWithEa: counter.directoriesWithEa, withEa: counter.withEa, catalogue };
  made.archives.push(describeArchive(frame, raw, what));
  return { ...result, interrupted };
}

interface Proof {
  readonly key: string;
  readonly counter: EntryCounter;
  /** Where all entries were listed, and the catalogue isolated, when the archive was made; else null. */
  readonly listed: readonly CatalogueEntry[] | null;
}

/** Compares the archive with its list, and isolates its catalogue where dar has not done it; one that was closed early is tested before. */
async function prove(frame: ShardFrame, reconciler: ShardReconciler, raw: RawArchive, { key, counter, listed }: Proof): Promise<RoundResult> {
  const { dar } = frame.topdir;
  const options = { secretsDir: frame.stagingDir, signal: frame.run.signal };
  if (raw.interrupted) await testInterrupted(frame, raw);
  const isolating = listed === null && raw.catalogueBase === null ? isolateCatalogue(raw.base, isolatedBase(raw.base), dar, options) : Promise.resolve();
  const proving = reconciler.addArchive({
    archiveKey: key,
    entries: counter.watch(listed === null ? listCatalogue(raw.catalogueBase ?? raw.base, dar, options) : [[...listed]]),
    messageFor: messageLookup(raw.outcome.errorLines, frame.root),
    interrupted: raw.interrupted,
  });
  await Promise.allSettled([isolating, proving]); // neither writes on when the other has failed
  return (await Promise.all([proving, isolating]))[0];
}

/** What it began to isolate is void; slices before the stop are as good as those of any archive, the others are read. */
async function testInterrupted(frame: ShardFrame, raw: RawArchive): Promise<void> {
  for (const suffix of ['.1.dar', '.1.dar.sha512']) await removeFile(`${isolatedBase(raw.base)}${suffix}`);
  const first = raw.unsent[0]?.number ?? 1;
  await testSlicesFrom(raw.base, first, frame.topdir.dar, { secretsDir: frame.stagingDir, signal: frame.run.signal });
}

/** Of a small archive all entries are known with it. Only the first round knows how many bytes it is about. */
async function runDar(frame: ShardFrame, segment: number, left: Left): Promise<{ raw: RawArchive; entries: readonly CatalogueEntry[] | null }> {
  const { root, topdir, stagingDir, run } = frame;
  const listFile = inStaging(frame, `${segment}.list`);
  const { includePaths } = await writeDarList({ recordsFile: left.recordsFile, listFile });
  const archive = { base: inStaging(frame, archiveName(frame, String(segment))), root, listFile, dar: topdir.dar, logFile: inStaging(frame, `${segment}.log`) };
  if (segment === 1 && isSmall(left, { ...archive, includePaths })) {
    const size = { ...archive, bytes: left.bytes, entries: left.records };
    const small = archiveRunOf(frame);
    const raw = await inRoom(size, small, () => makeSmall({ ...archive, isolate: true, signal: run.signal, onHung: small.onHung }));
    return { raw, entries: raw.entries };
  }
  await noteSegment(frame, segment, left.recordsFile); // a small one is made anew sooner than it is tested
  let stopReporting = (): void => undefined;
  const onStart = (create: DarCreate): void => { stopReporting = reportWhile(frame, create); };
  try {
    const spec = { ...archive, includePaths, bytes: left.bytes, entries: left.records, secretsDir: stagingDir };
    return { raw: await makeArchive(spec, archiveRunOf(frame, onStart)), entries: null };
  } finally {
    stopReporting();
  }
}
