import { basename, join } from 'node:path';
import { realDisk } from '../../../shared/catalog/disk.js';
import { writeDurable } from '../../../shared/catalog/durable.js';
import { shardPartSchema, type ShardPart, type ShardResult } from '../../../shared/runs/shard-result.js';
import type { ShardFrame } from './open-shard.js';
import type { SuspendedRounds } from './save-rounds.js';

/**
 * Leaves what this start has saved to the next one, durably, and then on record, where it counts only while this start does. Its slices go on to long-term
 * storage as those of any archive. False, and nothing is left, when another start took over.
 */
export async function keepPart(frame: ShardFrame, result: ShardResult, { suspended }: SuspendedRounds, extras: boolean): Promise<boolean> {
  const { left, settledRecords, segment } = suspended;
  const part: ShardPart = {
    ...result,
    settledRecords,
    left: { file: basename(left.recordsFile), records: left.records, bytes: left.bytes.toString() },
    segment,
    extras,
  };
  const file = await writePart(frame.workDir, part);
  return frame.context.runs.keepPart(frame.data.backupId, frame.data.shard, frame.start, file);
}

/** Writes a part and what it names durably; returns the name of its file. */
export async function writePart(workDir: string, part: ShardPart): Promise<string> {
  const files = [part.settled, part.left.file, part.exceptions, ...part.archives.map(({ catalogue }) => catalogue?.name ?? null)];
  for (const name of files) if (name !== null) await realDisk.syncFile(join(workDir, name));
  const file = `${part.start}.part.json`;
  await writeDurable(join(workDir, file), Buffer.from(JSON.stringify(shardPartSchema.parse(part))));
  return file;
}
