import { describe, expect, it } from 'vitest';
import { ulid } from 'ulid';
import type { BasepathRecord } from '../../../shared/basepaths/index.js';
import type { Catalog } from '../../../shared/catalog/index.js';
import type { TopdirConfig } from '../../../shared/config/config.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { factsOf, type BasepathFacts, type SealedBackup } from '../../../shared/runs/basepath-facts.js';
import { drawTicket, writeFacts } from '../../../shared/runs/newest.js';
import { decideTopdir } from '../../../producer/policy/decide.js';
import { gather } from '../../../producer/scheduler/gather.js';
import { ALL_EVENTS } from '../../../producer/scheduler/tick.js';
import { SCHEDULE } from '../../unit/producer/policy/samples.js';
import { startRedis } from '../http/redis.js';

const NOW = Date.parse('2026-06-01T00:30:00Z');
const DAY_MS = 86_400_000;
const BASEPATHS = 100_000;
const BACKUPS = 30;

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

describe('deciding what is due', () => {
  it('takes below 5 s for 100,000 basepaths of 30 backups each, and below 4 kB of Redis for each', async () => {
    const { redis } = await startRedis();
    const queues = new QueueSet(redis);
    const usedBytes = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    const before = await usedBytes();
    const samples = Array.from({ length: 240 }, (_, index) => factsOf(backupsOf(index)) as BasepathFacts);
    const records = Array.from({ length: BASEPATHS }, (_, index): BasepathRecord => {
      const basepathId = `home${index}-3f9a2c`;
      return { basepathId, topdir: '/u', path: bytePath.fromText(`/u/home${index}`), rootInode: '1', owner: '1', generation: 1, deletedAt: null };
    });
    await writeFacts(redis, await drawTicket(redis), new Map(records.map(({ basepathId }, index) => [basepathId, samples[index % samples.length] as BasepathFacts])));
    expect((await usedBytes() - before) / BASEPATHS).toBeLessThan(4_000);

    const topdir = { path: '/u', schedule: SCHEDULE, basepaths: [] } as unknown as TopdirConfig;
    const catalog = { listBasepathIds: () => Promise.reject(new Error('not needed: Redis knows all')) } as unknown as Catalog;
    const started = process.cpuUsage();
    const basepaths = await gather({ queues, catalog, onProblem: () => undefined }, topdir, records);
    const decided = decideTopdir({ schedule: SCHEDULE, basepaths, events: new Set(ALL_EVENTS), day: null, nowMs: NOW });
    // Processor time, of which almost all of it is, so that a busy machine does not fail the test.
    const { user, system } = process.cpuUsage(started);
    expect(decided.basepaths).toHaveLength(BASEPATHS);
    expect(decided.basepaths.some(({ full }) => full.act === 'enqueue')).toBe(true);
    expect((user + system) / 1000).toBeLessThan(5_000);
  });
});
