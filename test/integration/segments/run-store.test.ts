import { ulid } from 'ulid';
import { expect, it } from 'vitest';
import { RunStore, type Run } from '../../../shared/runs/run-store.js';
import { startRedis } from '../http/redis.js';

async function savingRun(): Promise<{ runs: RunStore; id: string }> {
  const { redis } = await startRedis();
  const runs = new RunStore(redis);
  const id = ulid();
  const run: Run = {
    id, kind: 'backup', basepathId: 'alice', path: '/u/alice', level: 'full', jobId: `backup.${id}`, phase: 'saving', startedAt: '2026-01-01T00:00:00Z', endedAt: null,
    work: 't1', shards: 1, step: 0, records: 0, bytes: '0', error: null, outcome: null,
  };
  await runs.create(run);
  return { runs, id };
}

it('a start keeps a part only while it is the one that counts, and its backup is being saved', async () => {
  const { runs, id } = await savingRun();
  await runs.claimShard(id, 1, 'first');
  expect(await runs.keptPart(id, 1)).toBeNull();
  expect(await runs.keepPart(id, 1, 'first', 'first.part.json')).toBe(true);
  await runs.claimShard(id, 1, 'second');
  expect(await runs.keepPart(id, 1, 'first', 'late.part.json')).toBe(false);
  expect(await runs.keepPart(id, 2, 'second', 'other.part.json')).toBe(false);
  expect(await runs.keptPart(id, 1)).toBe('first.part.json');
  await runs.end(id, { phase: 'failed' });
  expect(await runs.keepPart(id, 1, 'second', 'second.part.json')).toBe(false);
});

it('a run that was cancelled is not sealed, nor one that is being sealed cancelled', async () => {
  const { runs, id } = await savingRun();
  const both = await Promise.all([runs.end(id, { phase: 'failed' }, ['planning', 'saving']), runs.update(id, { phase: 'sealing' }, ['saving'])]);
  expect(both.filter((each) => each !== false && each !== null)).toHaveLength(1);
  expect(await runs.end(id, { phase: 'failed' }, ['planning', 'saving'])).toBe(false);
});
