import { ulid } from 'ulid';
import { expect, it } from 'vitest';
import { RunStore, type Run } from '../../../shared/runs/run-store.js';
import { startRedis } from '../http/redis.js';

const [FIRST, SECOND] = ['s0001-t1-abcdef', 's0001-t2-abcdef'];

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
  expect(await runs.claimShard(id, 1, FIRST)).toBe(true);
  expect(await runs.keptPart(id, 1)).toBeNull();
  expect(await runs.keepPart(id, 1, FIRST, 'first.part.json')).toBe(true);
  expect([await runs.claimShard(id, 1, SECOND), await runs.claimShard(id, 1, SECOND), await runs.claimShard(id, 1, FIRST)]).toEqual([true, true, false]);
  expect(await runs.keepPart(id, 1, FIRST, 'late.part.json')).toBe(false);
  expect(await runs.keepPart(id, 2, SECOND, 'other.part.json')).toBe(false);
  expect(await runs.keptPart(id, 1)).toBe('first.part.json');
  await runs.end(id, { phase: 'failed' });
  expect(await runs.keepPart(id, 1, SECOND, 'second.part.json')).toBe(false);
});

it('a run that was cancelled is not sealed, nor one that is being sealed cancelled', async () => {
  const { runs, id } = await savingRun();
  const both = await Promise.all([runs.end(id, { phase: 'failed' }, ['planning', 'saving']), runs.update(id, { phase: 'sealing' }, ['saving'])]);
  expect(both.filter((each) => each !== false && each !== null)).toHaveLength(1);
  expect(await runs.end(id, { phase: 'failed' }, ['planning', 'saving'])).toBe(false);
});

it('a change of a run that is sent again because its answer was lost is done once, and succeeds', async () => {
  const { runs, id } = await savingRun();
  const { redis } = runs;
  const real = redis.eval.bind(redis);
  let sent = 0;
  redis.eval = (async (...args: Parameters<typeof real>) => {
    sent++;
    await real(...args);
    return real(...args); // as ioredis does after a reconnect
  }) as typeof redis.eval;
  expect(await runs.update(id, { phase: 'sealing' }, ['saving'])).toMatchObject({ phase: 'sealing' });
  expect(sent).toBe(1);
});
