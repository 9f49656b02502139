import { basename, join } from 'node:path';
import { isolateCatalogue, listCatalogue } from '../../../shared/dar/index.js';
import { writeDarList } from '../../../shared/index/dar-list.js';
import { LineWriter, readRecordFile } from '../../../shared/index/line-file.js';
import { messageLookup } from '../../../shared/index/dar-messages.js';
import { ShardReconciler, type RoundResult, type ShardOutcome } from '../../../shared/index/reconcile.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import type { MadeArchive } from '../../../shared/runs/shard-result.js';
import { describeArchive, EntryCounter, keepCatalogue } from './describe-archive.js';
import { isolatedBase, makeArchive, type RawArchive } from './make-archive.js';
import { archiveName, archiveRunOf, inStaging, type ShardFrame } from './open-shard.js';
import { reportWhile } from './report-progress.js';

export interface SavedShard {
  readonly archives: readonly MadeArchive[];
  /** Names in the work directory. */
  readonly settled: string;
  readonly exceptions: string | null;
  readonly counts: ShardOutcome['counts'];
  /** What dar said beside statistics, raw bytes. */
  readonly messages: readonly Buffer[];
}

interface Left {
  readonly recordsFile: string;
  readonly records: number;
  readonly bytes: bigint;
}

/**
 * Archives the shard's list, proves by the catalogue what was saved, and archives what changed meanwhile again, a segment
 * per round, at most dar.retryOnChange times. What is left then is an exception.
 */
export async function saveInRounds(frame: ShardFrame): Promise<SavedShard> {
  const { shard, root, workDir, start, run, topdir } = frame;
  if (shard.records === 0) return savedNothing(frame);
  const recordsFile = join(workDir, shard.file);
  const reconciler = new ShardReconciler({ root, recordsFile, sorted: shard.sorted, hasParent: frame.plan.parent !== null, workDir, name: start, signal: run.signal });
  const archives: MadeArchive[] = [];
  const messages: Buffer[] = [];
  try {
    let left: Left | null = { recordsFile, records: shard.records, bytes: BigInt(shard.bytes) };
    for (let segment = 1; left !== null && segment <= 1 + topdir.dar.retryOnChange; segment++) {
      const round = await saveOnce(frame, reconciler, segment, left);
      if (round.archive !== null) archives.push(round.archive);
      messages.push(...round.messages);
      left = round.result.retry === null ? null : { ...round.result.retry, bytes: await bytesIn(round.result.retry.recordsFile) };
    }
    const { settledFile, exceptionsFile, counts } = await reconciler.finish();
    return { archives, settled: basename(settledFile), exceptions: exceptionsFile === null ? null : basename(exceptionsFile), counts, messages };
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

async function savedNothing(frame: ShardFrame): Promise<SavedShard> {
  const settled = await LineWriter.create(join(frame.workDir, `${frame.start}.settled`));
  await settled.end();
  const counts = { saved: 0, vanished: 0, changedThenSaved: 0, exceptions: 0 };
  return { archives: [], settled: basename(settled.file), exceptions: null, counts, messages: [] };
}

interface RoundSaved {
  /** Null when the archive holds something that would spoil a restore, and was thrown away. */
  readonly archive: MadeArchive | null;
  readonly result: RoundResult;
  readonly messages: readonly Buffer[];
}

async function saveOnce(frame: ShardFrame, reconciler: ShardReconciler, segment: number, left: Left): Promise<RoundSaved> {
  const raw = await runDar(frame, segment, left);
  const counter = new EntryCounter();
  const { dar } = frame.topdir;
  const options = { secretsDir: frame.stagingDir, signal: frame.run.signal };
  const key = `${frame.shard.number}.${segment}`;
  const isolating = raw.catalogueBase === null ? isolateCatalogue(raw.base, isolatedBase(raw.base), dar, options) : Promise.resolve();
  const proving = reconciler.addArchive({
    archiveKey: key,
    entries: counter.watch(listCatalogue(raw.catalogueBase ?? raw.base, dar, options)),
    messageFor: messageLookup(raw.outcome.errorLines, frame.root),
  });
  await Promise.allSettled([isolating, proving]); // neither writes on when the other has failed
  const [result] = await Promise.all([proving, isolating]);
  const messages = raw.outcome.errorLines;
  if (!result.accepted) {
    frame.run.logger.warn({ archive: key, unlisted: result.unlisted.map(showPath) }, 'archive thrown away: it holds what nobody listed');
    await discard(frame, raw);
    return { archive: null, result, messages };
  }
  frame.sender.hold(raw.unsent);
  const catalogue = await keepCatalogue(frame, raw);
  const what = { key, kind: 'data' as const, entries: counter.entries, directoriesWithEa: counter.directoriesWithEa, withEa: counter.withEa, catalogue };
  return { archive: describeArchive(frame, raw, what), result, messages };
}

async function runDar(frame: ShardFrame, segment: number, left: Left): Promise<RawArchive> {
  const listFile = inStaging(frame, `${segment}.list`);
  const { includePaths } = await writeDarList({ recordsFile: left.recordsFile, listFile });
  let stopReporting = (): void => undefined;
  try {
    return await makeArchive(
      {
        base: inStaging(frame, archiveName(frame, String(segment))),
        root: frame.root,
        listFile,
        includePaths,
        bytes: left.bytes,
        entries: left.records,
        dar: frame.topdir.dar,
        logFile: inStaging(frame, `${segment}.log`),
        secretsDir: frame.stagingDir,
      },
      archiveRunOf(frame, (create) => { stopReporting = reportWhile(frame, create); }),
    );
  } finally {
    stopReporting();
  }
}

/** Slices that were sent already are taken off the record: no manifest will name them, and the sweep removes them. */
async function discard(frame: ShardFrame, raw: RawArchive): Promise<void> {
  const objects = raw.slices.map((slice) => frame.sender.objectOf(slice));
  await frame.context.items.remove(frame.data.backupId, objects);
}
