import type { DarCreate } from '../../../shared/dar/index.js';
import { stopIfOver, type ShardFrame } from './open-shard.js';

/** Often enough for a person watching; a Redis round trip and a read of /proc each time. */
const EVERY_MS = 1_000;

/**
 * Reports how far dar is while it runs: bytes it wrote, and entries in proportion to bytes read (dar does not tell, and
 * counting its messages would put every path into the log). Stops it when its result is not wanted any more. Returns how to stop reporting.
 */
export function reportWhile(frame: ShardFrame, create: DarCreate): () => void {
  const expected = Number(frame.kept?.left.bytes ?? frame.shard.bytes);
  const timer = setInterval(() => {
    void create.progress().then(async (progress) => {
      await stopIfOver(frame);
      if (progress === null) return undefined;
      const share = expected === 0 ? 0 : Math.min(0.99, progress.readBytes / expected);
      return reportPart(frame, share, progress.writtenBytes);
    }).catch(() => undefined); // Redis is away for a moment: the next report says more
  }, EVERY_MS);
  return () => { clearInterval(timer); };
}

/** share: 0 to 1 of what earlier starts left to this one. */
export async function reportPart(frame: ShardFrame, share: number, archiveBytes: number): Promise<void> {
  const { number, records } = frame.shard;
  const bytes = Number(frame.shard.bytes);
  const left = { records: frame.kept?.left.records ?? records, bytes: Number(frame.kept?.left.bytes ?? bytes) };
  const entries = Math.max(0, Math.floor(records - left.records * (1 - share)));
  const doneBytes = Math.max(0, Math.floor(bytes - left.bytes * (1 - share)));
  const done = { entries, doneBytes, archiveBytes, share: records === 0 ? share : entries / records };
  await frame.context.runs.reportPart(frame.data.backupId, `shard-${number}`, done);
}
