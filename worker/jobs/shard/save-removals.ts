import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readCompleteLines, readRecordFile } from '../../../shared/index/line-file.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import type { MadeArchive } from '../../../shared/runs/shard-result.js';
import type { PlanFile } from '../backup/plan-file.js';
import { describeArchive } from './describe-archive.js';
import { archiveName, archiveRunOf, inStaging, type ShardFrame } from './open-shard.js';
import { raiseRemovals } from './raise-removals.js';
import { attributeThatWorks, makeRemovalsArchive, type TakenAway } from './removals-archive.js';

/** Paths per archive: dar needs 0.85 kB of memory for each, and so do we. */
const MAX_PATHS = 50_000;
/** 0.1 is the metadata of the basepath directory. */
const FIRST_SEGMENT = 2;

/** Archives that take away what is gone, and attributes of what is saved again, one after the other. */
export async function saveRemovals(frame: ShardFrame, parent: NonNullable<PlanFile['parent']>): Promise<MadeArchive[]> {
  const archives: MadeArchive[] = [];
  const attribute = parent.clearsAttributes ? await attributeFor(frame) : null;
  const raised = new Set<BytePath>();
  for await (const listed of chunks(takenAway(frame, parent, attribute !== null))) {
    const chunk = await raiseRemovals(listed, listsOf(frame), raised);
    if (chunk.length === 0) continue;
    const segment = FIRST_SEGMENT + archives.length;
    const dir = inStaging(frame, `removals-${segment}`);
    await mkdir(dir, { mode: 0o700 });
    const spec = { attribute, takenAway: chunk, directories: listsOf(frame), dir, name: archiveName(frame, `r${segment}`), dar: frame.topdir.dar };
    const raw = await makeRemovalsArchive(spec, archiveRunOf(frame));
    frame.sender.hold(raw.unsent);
    archives.push(describeArchive(frame, raw, { key: `0.${segment}`, kind: 'removals', entries: chunk.length, directoriesWithEa: 0, withEa: 0, catalogue: null }));
  }
  return archives;
}

/** Without one a restore by bw-bkup is still exact: only stock dar, replaying archives, then leaves attributes that are gone. */
async function attributeFor(frame: ShardFrame): Promise<string | null> {
  const dir = inStaging(frame, 'attribute-probe');
  await mkdir(dir, { mode: 0o700 });
  const attribute = await attributeThatWorks(dir, frame.run.signal);
  if (attribute === null) frame.run.logger.warn({ dir }, 'staging has no extended attributes: those that are gone will come back where archives are replayed without bw-bkup');
  return attribute;
}

async function* takenAway(frame: ShardFrame, { removedFile, oldFile }: NonNullable<PlanFile['parent']>, attributesToo: boolean): AsyncGenerator<TakenAway[], void> {
  if (removedFile !== null) {
    for await (const lines of readCompleteLines(join(frame.workDir, removedFile))) yield lines.map((line) => ({ what: 'path', path: bytePath.of(line) }));
  }
  if (!attributesToo) return;
  for await (const records of readRecordFile(join(frame.workDir, oldFile))) {
    yield records.flatMap((record) => (record.type === 'f' || record.type === 'd' ? [{ what: 'attributes' as const, type: record.type, path: recordPath(record) }] : []));
  }
}

async function* chunks<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<T[], void> {
  let chunk: T[] = [];
  for await (const batch of batches) {
    chunk.push(...batch);
    if (chunk.length < MAX_PATHS) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** What is to be saved: the directories above what is taken away are in it. */
async function* listsOf(frame: ShardFrame): AsyncGenerator<IndexRecord[], void> {
  for (const shard of frame.plan.shards) if (shard.records > 0) yield* readRecordFile(join(frame.workDir, shard.file));
}
