import { ulid } from 'ulid';
import type { BasepathRecord } from '../../shared/basepaths/index.js';
import type { Catalog } from '../../shared/catalog/index.js';
import type { TopdirConfig } from '../../shared/config/config.js';
import { bytePath } from '../../shared/paths/byte-path.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { factsOf, type BasepathFacts, type SealedBackup } from '../../shared/runs/basepath-facts.js';
import { drawTicket, writeFacts } from '../../shared/runs/newest.js';
import { decideTopdir } from '../../producer/policy/decide.js';
import { gather } from '../../producer/scheduler/gather.js';
import { ALL_EVENTS } from '../../producer/scheduler/tick.js';

const NOW = Date.parse('2026-06-01T00:30:00Z');
const DAY_MS = 86_400_000;
const BACKUPS = 30;
/** Newest backups at each hour of a day, ten sizes. */
const SAMPLES = 240;

/** A full and 29 incrementals, one a day. */
function backupsOf(index: number): SealedBackup[] {
  const newestMs = NOW - (index % 24) * 3_600_000;
  return Array.from({ length: BACKUPS }, (_, at): SealedBackup => {
    const capturedMs = newestMs - (BACKUPS - 1 - at) * DAY_MS;
    const instant = new Date(capturedMs).toISOString();
    const parent = at === 0 ? null : ulid(capturedMs - DAY_MS, () => 0.5);
    const counts = { sourceBytes: String(1_000_000 + index), archiveBytes: at === 0 ? String(1_000_000 + index) : '2000' };
    return { backupId: ulid(capturedMs, () => 0.5), level: at === 0 ? 'full' : 'incremental', parent, capturedAt: instant, startedAt: instant, sealedAt: instant, outcome: 'clean', counts, archives: [{ dar: { wallMs: 5 } }] };
  });
}

/** Puts the facts of so many basepaths of 30 backups each into Redis. Returns what the producer's registry would hold, and bytes of Redis for each. */
export async function manyBasepaths({ redis }: QueueSet, count: number): Promise<{ records: BasepathRecord[]; bytesEach: number }> {
  const usedBytes = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  const before = await usedBytes();
  const samples = Array.from({ length: SAMPLES }, (_, index) => factsOf(backupsOf(index)) as BasepathFacts);
  const records = Array.from({ length: count }, (_, index): BasepathRecord => {
    const basepathId = `home${index}-3f9a2c`;
    return { basepathId, topdir: '/u', path: bytePath.fromText(`/u/home${index}`), rootInode: '1', owner: '1', generation: 1, filesystem: null, formerPaths: [], deletedAt: null };
  });
  await writeFacts(redis, await drawTicket(redis), new Map(records.map(({ basepathId }, index) => [basepathId, samples[index % samples.length] as BasepathFacts])));
  return { records, bytesEach: (await usedBytes() - before) / count };
}

/** What the producer decides about them, with nothing queued. */
export async function decideAll(queues: QueueSet, schedule: TopdirConfig['schedule'], records: readonly BasepathRecord[]): Promise<ReturnType<typeof decideTopdir>> {
  const topdir = { path: '/u', schedule, basepaths: [] } as unknown as TopdirConfig;
  const catalog = { listBasepathIds: () => Promise.reject(new Error('not needed: Redis knows all')) } as unknown as Catalog;
  const basepaths = await gather({ queues, catalog, onProblem: () => undefined }, topdir, records);
  return decideTopdir({ schedule, basepaths, events: new Set(ALL_EVENTS), day: null, nowMs: NOW });
}
