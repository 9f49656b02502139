import { expect, it, vi } from 'vitest';
import { newTask } from '../../../shared/tasks/new-task.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { startRedis } from '../http/redis.js';
import { fault, FakeService } from './fake-service.js';
import { committed, handOverJob, rounds, savingBackup, senderOf } from './task-site.js';

// What happens between two commands to Redis of one process, by another one.

it('a task that ends without a slice after its job has handed it over once more, and before it looks, is no success', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const here = senderOf(redis, 'here', service);
  const backup = await savingBackup(redis, 'here', 2);
  expect(await handOverJob(here.context, backup)).toBe('waits');
  await rounds(here);
  const { put } = Object.getOwnPropertyDescriptors(Outbox.prototype);
  vi.spyOn(Outbox.prototype, 'put').mockImplementationOnce(async function (this: Outbox, ...args) {
    await (put.value as Outbox['put']).apply(this, args); // what is in a task stays there
    service.set({ state: 'failed', error: fault('TRANSFER_DENIED', 'permanent'), proven: [backup.objects[0] ?? ''] });
    await rounds(here, 2);
  });
  expect(await handOverJob(here.context, backup)).toBe('waits');
  expect(await committed(redis, backup)).toEqual(backup.objects.slice(0, 1));
  await expect(handOverJob(here.context, backup)).rejects.toMatchObject({ code: 'TRANSFER_DENIED' });
});

it('what a task gives back is waiting or in a task at every look', async () => {
  const { redis } = await startRedis();
  const outbox = new Outbox(redis);
  const [store, item] = [new TaskStore(redis), { object: 'a/1', file: '/a/1', bytes: 1, sha512: 'x', backupId: 'b', kind: 'slice' as const, priority: 1, job: 'q j' }];
  await outbox.put('far', 'here', [item]);
  const looks: Promise<Set<string>>[] = [];
  for (let time = 0; time < 50; time++) {
    const items = await outbox.all('far', 'here');
    const task = newTask({ lts: 'far', identity: 'me', host: 'here', key: 'k', createdMs: 1 }, items);
    const opening = store.open({ record: task, items, maxTasks: 1, urgency: 1, holder: 'p', holdMs: 60_000 });
    looks.push(outbox.pending('far', 'here', ['a/1']));
    expect(await opening).toBe('opened');
    const closing = store.close(task, 'p', items, new Map([['a/1', { kind: 'again' }]]));
    looks.push(outbox.pending('far', 'here', ['a/1']));
    await closing;
  }
  for (const look of looks) expect(await look).toEqual(new Set(['a/1']));
});

it('whoever was slow to wake a job takes no later order to wake it off the record', async () => {
  const { redis } = await startRedis();
  const [store, outbox] = [new TaskStore(redis), new Outbox(redis)];
  await outbox.drop('far', 'here', ['a/1'], ['q j', 'q k']);
  const first = (await store.wakes()).find(({ job }) => job === 'q j');
  await outbox.drop('far', 'here', ['a/2'], ['q j']);
  if (first === undefined) return expect.unreachable();
  await store.dropWake(first);
  const left = await store.wakes();
  expect(left.map(({ job }) => job).sort()).toEqual(['q j', 'q k']);
  for (const each of left) await store.dropWake(each);
  expect(await store.wakes()).toEqual([]);
});
