import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shardResultSchema, type MadeArchive, type MadeFile, type ShardResult } from '../../../shared/runs/shard-result.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { exceptionLine } from '../../../shared/index/exceptions.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { describeArchive } from './describe-archive.js';
import { copyMetadata } from './copy-metadata.js';
import { mergePart } from './merge-part.js';
import { makeMetadataArchive, METADATA_KEY } from './metadata-archive.js';
import { keepPart } from './keep-part.js';
import { abandonEarlierStarts, abandonStart } from './abandon-starts.js';
import { archiveName, archiveRunOf, openShard, stopped, type ShardFrame } from './open-shard.js';
import { reportPart } from './report-progress.js';
import { saveRemovals } from './save-removals.js';
import { saveInRounds, suspendWhole, type SavedShard, type SuspendedRounds } from './save-rounds.js';

/** Names the file with all the rest: job results live in Redis and stay small. */
export interface ShardJobResult {
  readonly result: string;
}

/**
 * Archives one shard: dar over its list, slices away while it writes, reconciliation both ways, what changed meanwhile
 * again. The first shard also carries the metadata of the basepath directory itself. Asked to stop, it keeps what it has saved for the next start, within the grace period.
 */
export async function shardJob(context: WorkerContext, run: JobRun): Promise<ShardJobResult> {
  const frame = await openShard(context, run);
  const { sources } = context;
  const readsSource = frame.shard.from === undefined;
  const leaveSource = readsSource ? sources.attach(frame.topdir.path, frame.root, frame.brake) : () => undefined;
  const stopFlushing = context.staging.account.onPressure(() => frame.sender.flush());
  const release = limitStopping(frame);
  try {
    if (readsSource) await sources.untilFree(frame.topdir.path, frame.root, frame.stop); // a small archive has no brake
    return await saveShard(frame);
  } catch (thrown) {
    if (!(thrown instanceof PartKept)) await abandon(frame, thrown);
    throw thrown;
  } finally {
    leaveSource();
    stopFlushing();
    release();
  }
}

/** The shard goes on with another start, from what this one kept. */
class PartKept extends Error {}

async function abandon(frame: ShardFrame, thrown: unknown): Promise<void> {
  const { logger } = frame.run;
  const error = toBwError(thrown);
  const reason = frame.stop.reason as unknown;
  if (error.code === 'STOPPED') logger.info({ reason }, 'shard stopped before it had saved anything');
  else if (frame.stop.aborted) logger.warn({ reason, err: error }, 'nothing of this start is kept');
  frame.over.abort(thrown);
  await frame.sender.close(); // a flush for lack of room would put on record again what is taken off it here
  if (frame.run.hurry.reason === 'lost-lock') return; // what dar has closed is the next start's to adopt, or the sweep's
  await abandonStart(frame).catch((error: unknown) => {
    logger.warn({ err: toBwError(error) }, 'staging of a failed start is left to the sweep');
  });
}

/** Once asked to stop, it has the grace period: then all ends at once. Returns how to listen no more. */
function limitStopping(frame: ShardFrame): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onStop = (): void => {
    timer = setTimeout(() => { frame.over.abort(stopped(frame)); }, frame.context.config.worker.stopGraceMs);
  };
  if (frame.stop.aborted) onStop();
  else frame.stop.addEventListener('abort', onStop);
  return () => {
    frame.stop.removeEventListener('abort', onStop);
    clearTimeout(timer);
  };
}

async function saveShard(frame: ShardFrame): Promise<ShardJobResult> {
  await abandonEarlierStarts(frame);
  const isFirst = frame.shard.number === frame.plan.shards[0]?.number;
  const extras = new ExtrasWork(frame, isFirst && frame.kept?.extras !== true ? saveExtras : () => Promise.resolve(NO_EXTRAS));
  const saved = await whileSaving(frame, extras.done, saveRecords(frame));
  if ('suspended' in saved) return suspendShard(frame, saved, await extras.doneOrDropped());
  const { whole } = saved;
  const extra = await (whole === null ? extras.done : extras.doneOrStopped(frame.stop));
  if (extra === null) return suspendShard(frame, await suspendWhole(frame, saved), null);
  await frame.sender.flush();
  const result = await recordResult(frame, saved, extra);
  await reportPart(frame, 1, sliceBytes(result.archives));
  recordMetrics(frame, result);
  logSaved(frame, result);
  return { result: resultName(frame) };
}

/** Always throws: PartKept when the next start goes on from here. */
async function suspendShard(frame: ShardFrame, saved: SuspendedRounds, extras: Extras | null): Promise<never> {
  await frame.sender.flush();
  const result = await composeResult(frame, saved, extras ?? NO_EXTRAS);
  if (!(await keepPart(frame, result, saved, extras !== null))) throw stopped(frame);
  recordMetrics(frame, result);
  logSaved(frame, result);
  const { records, bytes } = saved.suspended.left;
  frame.run.logger.info({ reason: frame.stop.reason as unknown, left: records, leftBytes: bytes.toString() }, 'shard stopped: what it saved is kept');
  throw new PartKept(stopped(frame).message);
}

function saveRecords(frame: ShardFrame): Promise<SavedShard | SuspendedRounds> {
  const { from } = frame.shard;
  if (from === undefined) return saveInRounds(frame);
  // A copy of an archive is short and cheap to begin again: nothing of it is kept.
  const onStop = (): void => { frame.over.abort(stopped(frame)); };
  frame.stop.addEventListener('abort', onStop);
  if (frame.stop.aborted) onStop();
  return mergePart(frame, from).finally(() => { frame.stop.removeEventListener('abort', onStop); });
}

/** When one fails the other is stopped, and only then the failure goes on: nothing of this start writes after it. */
async function whileSaving<T>(frame: ShardFrame, extras: Promise<unknown>, saving: Promise<T>): Promise<T> {
  const fail = (thrown: unknown): void => { frame.over.abort(thrown); };
  let isSaved = false;
  extras.catch((thrown: unknown) => { if (!isSaved) fail(thrown); });
  try {
    const saved = await saving;
    isSaved = true;
    return saved;
  } catch (thrown) {
    fail(thrown);
    await Promise.allSettled([extras]);
    throw frame.over.signal.reason; // what failed first
  }
}

/** What the first shard brings along. */
interface Extras {
  readonly archives: readonly MadeArchive[];
  /** False: owner, ACL or xattrs of the basepath directory could not all be taken over. */
  readonly metadataComplete: boolean;
}

const NO_EXTRAS: Extras = { archives: [], metadataComplete: true };

async function saveExtras(frame: ShardFrame): Promise<Extras> {
  const { metadata, parent } = frame.plan;
  const removals = parent === null ? [] : await saveRemovals(frame, parent);
  if (frame.plan.consolidates !== null) return { archives: [await copyMetadata(frame, frame.plan.consolidates)], metadataComplete: true };
  if (!metadata) return { archives: removals, metadataComplete: true };
  const { archive, complete } = await saveMetadata(frame);
  return { archives: [archive, ...removals], metadataComplete: complete };
}

/** What the first shard brings along, made beside its records: all of it counts or nothing. */
class ExtrasWork {
  readonly done: Promise<Extras>;
  readonly #drop = new AbortController();
  #made: Extras | null = null;

  constructor(frame: ShardFrame, save: (frame: ShardFrame) => Promise<Extras>) {
    const { sender, run } = frame;
    const own: ShardFrame = { ...frame, stop: new AbortController().signal, sender: sender.fork(), run: { ...run, signal: AbortSignal.any([run.signal, this.#drop.signal]) } };
    this.done = save(own).then((extras) => {
      sender.adopt(own.sender);
      return (this.#made = extras);
    });
    this.done.catch(() => undefined); // whoever awaits it gets the rejection
  }

  /** Null when it is asked to stop before. */
  async doneOrStopped(stop: AbortSignal): Promise<Extras | null> {
    const stopped = stop.aborted ? Promise.resolve() : once(stop, 'abort');
    await Promise.race([this.done, stopped]);
    return stop.aborted ? this.doneOrDropped() : this.done;
  }

  /** Null when they are not made by now: then they are not, and the next start makes them. */
  async doneOrDropped(): Promise<Extras | null> {
    this.#drop.abort();
    await Promise.allSettled([this.done]);
    return this.#made;
  }
}

async function saveMetadata(frame: ShardFrame): Promise<{ archive: MadeArchive; complete: boolean }> {
  const { root, topdir, stagingDir } = frame;
  const name = archiveName(frame, 'm');
  const spec = { root, dir: stagingDir, name, dar: topdir.dar };
  const { raw, complete } = await makeMetadataArchive(spec, archiveRunOf(frame));
  const archive = describeArchive(frame, raw, { key: METADATA_KEY, kind: 'metadata', entries: 1, directoriesWithEa: 0, withEa: null, catalogue: null });
  return { archive, complete };
}

async function recordResult(frame: ShardFrame, saved: SavedShard, extras: Extras): Promise<ShardResult> {
  const result = await composeResult(frame, saved, extras);
  const temporary = join(frame.workDir, `${resultName(frame)}.tmp`);
  await writeFile(temporary, JSON.stringify(shardResultSchema.parse(result)), { mode: 0o600 });
  await rename(temporary, join(frame.workDir, resultName(frame)));
  return result;
}

async function composeResult(frame: ShardFrame, saved: SavedShard, extras: Extras): Promise<ShardResult> {
  const incomplete = !extras.metadataComplete;
  return {
    v: 1,
    shard: frame.shard.number,
    start: frame.start,
    host: frame.context.config.host,
    archives: [...extras.archives, ...saved.archives],
    settled: saved.settled,
    exceptions: incomplete ? await withRootException(frame, saved.exceptions) : saved.exceptions,
    log: await keepLog(frame, saved.messages),
    counts: { ...saved.counts, exceptions: saved.counts.exceptions + (incomplete ? 1 : 0) },
    discarded: saved.discarded,
    earlier: [...(frame.kept?.files ?? [])],
  };
}

function resultName(frame: ShardFrame): string {
  return `${frame.start}.result.json`;
}

async function withRootException(frame: ShardFrame, exceptions: string | null): Promise<string> {
  const name = exceptions ?? `${frame.start}.exceptions`;
  const detail = 'not all of owner, mode, ACL and xattrs of the basepath directory could be taken over (not root, or staging without ACLs or xattrs)';
  const line = exceptionLine({ path: bytePath.of('.'), reason: 'not saved', detail });
  await writeFile(join(frame.workDir, name), `${line}\n`, { flag: 'a', mode: 0o600 });
  return name;
}

/** dar's messages beside statistics; none when all went well. */
async function keepLog(frame: ShardFrame, messages: readonly Buffer[]): Promise<MadeFile | null> {
  if (messages.length === 0) return null;
  const name = `${frame.start}.log`;
  const bytes = Buffer.concat(messages.flatMap((line) => [line, Buffer.from('\n')]));
  await writeFile(join(frame.workDir, name), bytes, { mode: 0o600 });
  return { name, bytes: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex') };
}

/** One line per archive with its rates and dar's memory: the first place to look when a site gets slow. */
function logSaved(frame: ShardFrame, result: ShardResult): void {
  for (const { key, entries, dar } of result.archives) {
    const { wallMs, filesPerSecond, bytesPerSecond, peakRssBytes, lastError } = dar;
    frame.run.logger.info({ archive: key, entries, wallMs, filesPerSecond, bytesPerSecond, peakRssBytes, lastError }, 'archive made');
  }
  frame.run.logger.info({ ...result.counts, archives: result.archives.length }, 'shard saved');
}

function recordMetrics(frame: ShardFrame, result: ShardResult): void {
  const { metrics } = frame.context;
  const { level } = frame.state;
  if (level === 'restore' || level === 'verify' || level === 'copy') return;
  for (const { dar, entries, slices } of result.archives) {
    metrics.darExited({ operation: 'create', status: { code: dar.exitCode, signal: null }, peakRssBytes: dar.peakRssBytes });
    const bytes = slices.reduce((sum, slice) => sum + slice.bytes, 0);
    metrics.archiveFinished({ level, bytes, files: entries, wallMs: dar.wallMs });
  }
}

function sliceBytes(archives: readonly MadeArchive[]): number {
  return archives.flatMap((archive) => archive.slices).reduce((sum, slice) => sum + slice.bytes, 0);
}
