import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readCompleteLines, readRecordFile } from '../../../shared/index/line-file.js';
import type { IndexRecord } from '../../../shared/index/record.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import type { MadeArchive } from '../../../shared/runs/shard-result.js';
import { describeArchive } from './describe-archive.js';
import { archiveName, inStaging, type ShardFrame } from './open-shard.js';
import { makeRemovalsArchive } from './removals-archive.js';

/** Paths per archive: dar needs 0.85 kB of memory for each, and so do we. */
const MAX_REMOVALS = 50_000;
/** 0.1 is the metadata of the basepath directory. */
const FIRST_SEGMENT = 2;

/** Archives that take away what is gone, one after the other. */
export async function saveRemovals(frame: ShardFrame, removedFile: string): Promise<MadeArchive[]> {
  const archives: MadeArchive[] = [];
  for await (const removed of chunks(join(frame.workDir, removedFile))) {
    const segment = FIRST_SEGMENT + archives.length;
    const dir = inStaging(frame, `removals-${segment}`);
    await mkdir(dir, { mode: 0o700 });
    const spec = { removed, directories: directoriesOf(frame), dir, name: archiveName(frame, `r${segment}`), dar: frame.topdir.dar };
    const raw = await makeRemovalsArchive(spec, { sender: frame.sender, signal: frame.run.signal, onStart: () => undefined });
    frame.sender.hold(raw.unsent);
    archives.push(describeArchive(frame, raw, { key: `0.${segment}`, kind: 'removals', entries: removed.length, directoriesWithEa: 0, catalogue: null }));
  }
  return archives;
}

async function* chunks(file: string): AsyncGenerator<BytePath[], void> {
  let chunk: BytePath[] = [];
  for await (const lines of readCompleteLines(file)) {
    for (const line of lines) {
      chunk.push(bytePath.of(line));
      if (chunk.length < MAX_REMOVALS) continue;
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

/** The directories above what is gone are in the lists of the shards. */
async function* directoriesOf(frame: ShardFrame): AsyncGenerator<IndexRecord[], void> {
  for (const shard of frame.plan.shards) if (shard.records > 0) yield* readRecordFile(join(frame.workDir, shard.file));
}
