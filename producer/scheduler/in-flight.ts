import { decodeTime } from 'ulid';
import { PREFIX, QUEUES } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { RunStore } from '../../shared/runs/run-store.js';
import type { InFlight } from '../policy/basepath-now.js';
import { backupIdOf, inFlightId } from './enqueue.js';

export interface BothInFlight {
  readonly full: InFlight | null;
  readonly other: InFlight | null;
}

const PIECE = 1_000;

/** What waits or runs of many basepaths: two keys each, a thousand per round trip, and one more look at each that was found. Others are left out. */
export async function inFlightOf(queues: QueueSet, basepathIds: readonly string[]): Promise<Map<string, BothInFlight>> {
  const found = new Map<string, BothInFlight>();
  for (let at = 0; at < basepathIds.length; at += PIECE) {
    const piece = basepathIds.slice(at, at + PIECE);
    const jobIds = await queues.redis.mget(piece.flatMap((id) => [deduplicationKey('full', id), deduplicationKey('incremental', id)]));
    const open = piece.map((id, index) => [id, jobIds[2 * index] ?? null, jobIds[2 * index + 1] ?? null] as const).filter(([, full, other]) => full !== null || other !== null);
    const seen = await lookAt(queues, open.flatMap(([, full, other]) => [full, other]).filter((jobId) => jobId !== null));
    for (const [id, full, other] of open) found.set(id, { full: (full === null ? null : seen.get(full)) ?? null, other: (other === null ? null : seen.get(other)) ?? null });
  }
  return found;
}

/** Where BullMQ keeps the id of the job that holds a deduplication id. */
function deduplicationKey(level: 'full' | 'incremental', basepathId: string): string {
  return `${PREFIX}:${QUEUES.backup}:de:${inFlightId(level, basepathId)}`;
}

async function lookAt(queues: QueueSet, jobIds: readonly string[]): Promise<Map<string, InFlight>> {
  const runs = await new RunStore(queues.redis).readAll(jobIds.map(backupIdOf));
  return new Map(
    jobIds.map((jobId, index) => {
      const run = runs[index] ?? null;
      // A worker makes the run when it begins; its bytes are known when it has planned.
      const bytes = run === null || run.phase === 'planning' ? null : Number(run.bytes);
      return [jobId, { jobId, enqueuedAtMs: decodeTime(backupIdOf(jobId)), started: run !== null, bytes }];
    }),
  );
}
