import { expect, it } from 'vitest';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { JOB_VERSION } from '../../../shared/queues/job-data.js';
import { sweepPartsJob } from '../../../worker/jobs/cleanup/sweep-parts-job.js';
import type { JobRun } from '../../../worker/processor/run-job.js';
import { startRedis } from '../http/redis.js';
import { FakeService } from './fake-service.js';
import { handOverJob, logger, rounds, savingBackup, senderOf } from './task-site.js';

const DAY_MS = 86_400_000;

it('what a task that is paused for weeks has moved is not swept: only what is older than it', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const sent = senderOf(redis, 'here', service);
  const swept: Record<string, number[]> = {};
  const sweeping = (name: string): TransferBackend => ({
    name,
    async *list() { /* nothing */ },
    sweepParts: (ageMs: number) => Promise.resolve((swept[name] ??= []).push(Math.round(ageMs / DAY_MS))),
  }) as unknown as TransferBackend;
  const sweep = async (afterDays: number): Promise<unknown> => {
    delete swept['far'];
    delete swept['near'];
    const context = { ...sent.context, backends: [sweeping('far'), sweeping('near')], now: () => new Date(Date.now() + afterDays * DAY_MS) };
    const job = { id: 'parts', data: { v: JOB_VERSION, basepathIds: ['alice'] } };
    await sweepPartsJob(context, { job, signal: new AbortController().signal, logger } as unknown as JobRun);
    return Object.fromEntries(Object.entries(swept).map(([name, ages]) => [name, [...new Set(ages)]]));
  };
  expect(await handOverJob(sent.context, await savingBackup(redis, 'here', 1))).toBe('waits');
  await rounds(sent);
  expect(service.tasks).toHaveLength(1);
  expect(await sweep(2)).toEqual({ far: [7], near: [7] });
  expect(await sweep(20)).toEqual({ far: [20], near: [7] });
  service.deliver();
  await rounds(sent);
  expect(await sweep(20)).toEqual({ far: [7], near: [7] });
});
