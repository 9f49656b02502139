import { once } from 'node:events';
import { Worker, type Job, type Processor } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PREFIX, QUEUES } from '../../../shared/queues/names.js';
import { workerOptions } from '../../../shared/queues/options.js';
import { priorityOf, type PriorityClass } from '../../../shared/queues/priorities.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { OWN, ownSlots, reservedSlot, SEALS, type Reservation, type ReservedSlot } from '../../../worker/reserved-slot.js';
import { startRedis, type TestRedis } from '../http/redis.js';

interface Bench {
  readonly queues: QueueSet;
  /** Names of the jobs each side worked on. */
  readonly open: string[];
  readonly own: string[];
  readonly slot: ReservedSlot;
  readonly add: (name: string, priorityClass: PriorityClass) => Promise<Job>;
  /** Lets the held fulls end. */
  readonly release: () => void;
}

/** One open slot, whose fulls do not end until released, and a reserved one. */
async function bench(reservation: Reservation = OWN): Promise<Bench> {
  const server = await startRedis();
  const queues = new QueueSet(server.redis);
  onTestFinished(() => queues.close());
  const [open, own]: string[][] = [[], []];
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => { release = resolve; });
  const hold: Processor = async ({ name }) => {
    open?.push(name);
    if (name.startsWith('full')) await held;
  };
  const worker = new Worker(QUEUES.backup, hold, { connection: connection(server), prefix: PREFIX });
  onTestFinished(async () => {
    release();
    await worker.close();
  });
  const take: Processor = (job) => Promise.resolve(own?.push(job.name));
  const slot = reservedSlot(server.redis, take, { ...workerOptions('here/backup', 1), connection: connection(server) }, reservation);
  onTestFinished(async () => {
    slot.stop();
    await slot.worker.close();
  });
  return {
    queues,
    open: open ?? [],
    own: own ?? [],
    slot,
    release: () => { release(); },
    add: (name, priorityClass) => queues.backup.add(name, { priorityClass }, { jobId: name, priority: priorityOf(priorityClass) }),
  };
}

function connection(server: TestRedis): TestRedis['redis'] {
  const made = server.redis.duplicate();
  onTestFinished(() => { made.disconnect(); });
  return made;
}

describe('a slot of the incrementals\' own', () => {
  it('runs them while fulls hold and wait for all others, and never takes a full', async () => {
    const { queues, open, own, slot, add } = await bench();
    for (const name of ['full-1', 'full-2', 'full-3']) await add(name, 'full');
    await expect.poll(() => open).toEqual(['full-1']);
    for (const name of ['inc-1', 'inc-2']) {
      const done = once(slot.worker, 'completed');
      await add(name, name === 'inc-1' ? 'incremental' : 'overdue-incremental');
      await done;
    }
    expect({ open, own }).toEqual({ open: ['full-1'], own: ['inc-1', 'inc-2'] });
    expect((await queues.backup.getPrioritized()).map(({ name }) => name)).toEqual(['full-2', 'full-3']);
  });

  it('takes overdue ones before others', async () => {
    const { queues, open, own, add } = await bench();
    await add('full-1', 'full');
    await expect.poll(() => open).toEqual(['full-1']);
    const classes = ['incremental', 'overdue-incremental'] as const;
    await queues.backup.addBulk(classes.map((priorityClass) => ({ name: priorityClass, data: { priorityClass }, opts: { priority: priorityOf(priorityClass) } })));
    await expect.poll(() => own, { timeout: 10_000 }).toEqual(['overdue-incremental', 'incremental']);
  });

  it('gives a full that it got all the same back to the head of its class, without spending an attempt', async () => {
    const { queues, open, own, slot, add, release } = await bench();
    for (const name of ['full-1', 'full-2', 'full-3']) await add(name, 'full');
    await expect.poll(() => open).toEqual(['full-1']);
    const returned = once(slot.worker, 'paused');
    await slot.worker.resume();
    await returned;
    const job = await queues.backup.getJob('full-2');
    await expect.poll(() => job?.getState()).toBe('prioritized');
    expect((await queues.backup.getPrioritized()).map(({ name }) => name)).toEqual(['full-2', 'full-3']);
    expect((await queues.backup.getJob('full-2'))?.attemptsMade).toBe(0);
    release();
    await expect.poll(() => open).toEqual(['full-1', 'full-2', 'full-3']);
    expect(own).toEqual([]);
  });

  it('of seals takes what no other slot has taken, of any class, and nothing else', async () => {
    const { queues, open, own, add } = await bench(SEALS);
    for (const name of ['full-1', 'full-2']) await add(name, 'full');
    await expect.poll(() => open).toEqual(['full-1']);
    for (const priorityClass of ['incremental', 'full'] as const) await queues.backup.add(`seal of ${priorityClass}`, { priorityClass }, { priority: priorityOf(priorityClass, 'seal') });
    await add('inc-1', 'incremental');
    await expect.poll(() => own, { timeout: 10_000 }).toEqual(['seal of full', 'seal of incremental']);
    expect((await queues.backup.getPrioritized()).map(({ name }) => name)).toEqual(['full-2', 'inc-1']);
  });

  it.each([
    [1, 0.25, 0],
    [2, 0.25, 0],
    [4, 0.25, 1],
    [6, 0.33, 1],
    [4, 0, 0],
    [4, 1, 3],
  ])('of %d slots and a share of %d has %d', (slots, incrementalSlots, expected) => {
    expect(ownSlots({ slots, incrementalSlots })).toBe(expected);
  });
});
