import { readProgress } from '../../../shared/dar/index.js';
import type { GuardedChild } from '../../../shared/process/index.js';
import type { WorkerContext } from '../../context.js';

/** Often enough for a person watching; two Redis round trips and a read of /proc each time. */
const EVERY_MS = 1_000;

export interface ReportedPart {
  readonly restoreId: string;
  readonly part: number;
  readonly entries: number;
  /** Of the archive. */
  readonly bytes: number;
}

/**
 * Reports how far a dar that extracts is, by what it read: entries in proportion, because dar does not tell. Calls `over` when the restore has ended, by
 * failure or by its operator, and nobody waits for this part any more. Returns how to stop.
 */
export function reportWhile(context: WorkerContext, { restoreId, part, entries, bytes }: ReportedPart, child: Pick<GuardedChild, 'pid'>, over: () => void): () => void {
  const report = async (): Promise<void> => {
    if ((await context.runs.read(restoreId))?.phase === 'failed') over();
    const progress = await readProgress(child.pid);
    if (progress === null) return;
    const share = bytes === 0 ? 0 : Math.min(0.99, progress.readBytes / bytes);
    await context.runs.reportPart(restoreId, `part-${part}`, { entries: Math.floor(entries * share), doneBytes: Math.floor(bytes * share), archiveBytes: 0 });
  };
  const timer = setInterval(() => void report().catch(() => undefined), EVERY_MS); // Redis is away for a moment: the next report says more
  return () => { clearInterval(timer); };
}
