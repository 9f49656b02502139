import { basename, join } from 'node:path';
import { isolateCatalogue, listCatalogue } from '../../../shared/dar/index.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { writeDarList } from '../../../shared/index/dar-list.js';
import { settleCopy, type CopyResult } from '../../../shared/index/settle-copy.js';
import { showPath, type BytePath } from '../../../shared/paths/byte-path.js';
import type { PlannedShard } from '../backup/plan-file.js';
import { archiveOf } from '../restore/open-archive.js';
import { describeArchive, EntryCounter, keepCatalogue } from './describe-archive.js';
import { isolatedBase, makeArchive, type RawArchive } from './make-archive.js';
import { archiveName, archiveRunOf, inStaging, type ShardFrame } from './open-shard.js';
import { openSource } from './open-source.js';
import { reportWhile } from './report-progress.js';
import type { SavedShard } from './save-rounds.js';
import { throwAway } from './throw-away.js';

type Source = NonNullable<PlannedShard['from']>;

/**
 * A shard of a consolidation: what lives of one archive of the chain, copied into an archive of the new full by dar, without reading the source. A name
 * that a list cannot carry brings all that was below it; what does not live any more is left out of a second copy. Throws CONSOLIDATION_WRONG, STAGING_TOO_SMALL.
 */
export async function mergePart(frame: ShardFrame, from: Source): Promise<SavedShard> {
  const manifest = await frame.context.catalog.readManifest(frame.data.basepathId, from.backupId);
  const mergeFrom = await openSource(frame, archiveOf(manifest, from.archive), { bytes: BigInt(frame.shard.bytes), entries: frame.shard.records });
  let segment = 1;
  let copy = await copyOnce(frame, mergeFrom, segment, []);
  if (copy.result.extra.length > 0 && copy.result.wrong.length === 0) copy = await copyOnce(frame, mergeFrom, ++segment, copy.result.extra);
  const { raw, counter, result, settled } = copy;
  if (result.wrong.length + result.extra.length > 0) throw wrong(frame, result);
  frame.sender.hold(raw.unsent);
  const key = archiveKey(frame, segment);
  const what = { key, kind: 'data' as const, entries: counter.entries, directoriesWithEa: counter.directoriesWithEa, withEa: counter.withEa, catalogue: await keepCatalogue(frame, raw) };
  const counts = { saved: result.saved, vanished: 0, changedThenSaved: 0, exceptions: 0 };
  return { whole: null, archives: [describeArchive(frame, raw, what)], settled: basename(settled), exceptions: null, counts, messages: raw.outcome.errorLines, discarded: segment - 1 };
}

interface Copy {
  readonly raw: RawArchive;
  readonly counter: EntryCounter;
  readonly result: CopyResult;
  readonly settled: string;
}

/** A copy that is not used is given up. */
async function copyOnce(frame: ShardFrame, mergeFrom: string, segment: number, prunePaths: readonly BytePath[]): Promise<Copy> {
  const { dar } = frame.topdir;
  const recordsFile = join(frame.workDir, frame.shard.file);
  const raw = await runDar(frame, { mergeFrom, segment, prunePaths, recordsFile });
  const counter = new EntryCounter();
  const options = { secretsDir: frame.stagingDir, signal: frame.run.signal };
  const settled = join(frame.workDir, `${frame.start}.${segment}.settled`);
  const isolating = isolateCatalogue(raw.base, isolatedBase(raw.base), dar, options);
  const entries = counter.watch(listCatalogue(raw.base, dar, options));
  const proving = settleCopy({ recordsFile, entries, archiveKey: archiveKey(frame, segment), settledFile: settled, tempDir: frame.stagingDir, signal: frame.run.signal });
  await Promise.allSettled([isolating, proving]); // neither writes on when the other has failed
  const [result] = await Promise.all([proving, isolating]);
  if (result.extra.length > 0) await throwAway(frame, raw);
  return { raw, counter, result, settled };
}

interface DarRequest {
  readonly mergeFrom: string;
  readonly segment: number;
  readonly prunePaths: readonly BytePath[];
  readonly recordsFile: string;
}

async function runDar(frame: ShardFrame, { mergeFrom, segment, prunePaths, recordsFile }: DarRequest): Promise<RawArchive> {
  const listFile = inStaging(frame, `${segment}.list`);
  const { includePaths } = await writeDarList({ recordsFile, listFile });
  let stopReporting = (): void => undefined;
  try {
    return await makeArchive(
      {
        base: inStaging(frame, archiveName(frame, String(segment))),
        root: frame.root,
        mergeFrom,
        prunePaths,
        listFile,
        includePaths,
        bytes: BigInt(frame.shard.bytes),
        entries: frame.shard.records,
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

function archiveKey(frame: ShardFrame, segment: number): string {
  return `${frame.shard.number}.${segment}`;
}

function wrong(frame: ShardFrame, result: CopyResult): BwError {
  return new BwError('CONSOLIDATION_WRONG', {
    message: 'a copy of an archive does not hold what lives of it',
    subject: `backup ${frame.data.backupId} shard ${frame.data.shard}`,
    detail: [...result.wrong.slice(0, 10).map((path) => `lacks ${showPath(path)}`), ...result.extra.slice(0, 10).map((path) => `has ${showPath(path)}`)].join('\n'),
    retry: 'retry',
    hint: 'Nothing was sealed and the chain is as it was. Verify it (bw-bkup verify); a full from the source needs none of it.',
  });
}
