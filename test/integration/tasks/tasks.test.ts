import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { itemsKey } from '../../../shared/queues/names.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { RunStore } from '../../../shared/runs/run-store.js';
import { ItemStore } from '../../../shared/runs/item-store.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { workspace } from '../../helpers/workspace.js';
import { startRedis } from '../http/redis.js';
import { fakeBackend, fault, FakeService } from './fake-service.js';
import { TaskSender } from '../../../worker/tasks/task-sender.js';
import { AT_ONCE, committed, contextOf, handOverJob, liveTasks, makeGone, rounds, savingBackup, senderOf, transferWorker, type SampleBackup } from './task-site.js';

type Sender = ReturnType<typeof senderOf>;

async function handOverAll({ context }: Sender, backups: readonly SampleBackup[]): Promise<void> {
  for (const backup of backups) expect(await handOverJob(context, backup)).toBe('waits');
}

async function someBackups(redis: Redis, host: string, count: number, slices = 3): Promise<SampleBackup[]> {
  const backups: SampleBackup[] = [];
  for (let index = 0; index < count; index++) backups.push(await savingBackup(redis, host, slices));
  return backups;
}

describe('tasks of an asynchronous LTS', () => {
  it('carry slices of several backups, and their jobs are woken when all is proven', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const here = senderOf(redis, 'here', service);
    const backups = await someBackups(redis, 'here', 4);
    const worker = transferWorker(redis, here.context);
    const completed = new Set<string>();
    const done = new Promise<void>((resolve) => {
      worker.on('completed', (job) => {
        completed.add(String(job.id));
        if (completed.size === backups.length) resolve();
      });
    });
    const queue = here.context.queues.transfer('here');
    while ((await queue.getDelayedCount()) < backups.length) await delay(5);
    await rounds(here);
    expect(service.tasks.map(({ items }) => items.length)).toEqual([12]);
    expect([await queue.getActiveCount(), await queue.getDelayedCount()]).toEqual([0, 4]); // no slot is held
    service.deliver();
    await rounds(here, 2);
    await done;
    for (const backup of backups) expect(await committed(redis, backup)).toEqual(backup.objects);
    expect(await Promise.all(backups.map(({ jobId }) => queue.getJob(jobId).then((job) => job?.attemptsMade)))).toEqual([1, 1, 1, 1]);
  });

  it('are over, and whoever settled them died before it woke their jobs: the next one does', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const [dying, next] = [senderOf(redis, 'here', service), senderOf(redis, 'here', service)];
    const [backup] = await someBackups(redis, 'here', 1);
    if (backup === undefined) throw new Error('one');
    const worker = transferWorker(redis, next.context);
    const done = new Promise((resolve) => { worker.once('completed', resolve); });
    while ((await next.context.queues.transfer('here').getDelayedCount()) === 0) await delay(5);
    await rounds(dying);
    service.deliver();
    const died = new Promise<void>((resolve) => {
      vi.spyOn(dying.context.queues, 'named').mockImplementation(() => {
        resolve();
        return { getJob: () => new Promise(() => undefined) } as never;
      });
    });
    await dying.sender.round();
    await died;
    expect([await liveTasks(redis), await next.context.queues.transfer('here').getDelayedCount()]).toEqual([0, 1]);
    await rounds(next);
    await done;
  });

  it('are at most so many per identity, over all hosts, whoever dies; the most urgent host is next', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const hosts: Sender[] = [];
    for (const host of ['a', 'b', 'c', 'd']) {
      const sender = senderOf(redis, host, service, { backend: fakeBackend(service, undefined, 2) });
      await handOverAll(sender, await someBackups(redis, host, 1));
      hosts.push(sender);
      await delay(2); // the time they wait since is told in ms
    }
    for (const host of hosts) await rounds(host);
    expect([service.alive().length, await liveTasks(redis)]).toEqual([2, 2]);
    const dead = senderOf(redis, 'd', service, { backend: fakeBackend(service, undefined, 2), timing: { lookMs: 0, holdMs: 1 } });
    await rounds(dead, 3); // another process of d that gets none either, and d is not more urgent than c
    expect(service.alive()).toHaveLength(2);
    service.deliver();
    const [a, , c, d] = hosts;
    if (a === undefined || c === undefined || d === undefined) throw new Error('four hosts');
    await rounds(a); // one is settled: the place is c's, who has waited longer than d
    await rounds(d);
    expect(service.tasks).toHaveLength(2);
    await rounds(c);
    expect(service.tasks).toHaveLength(3);
    for (let time = 0; time < 3; time++) {
      for (const host of hosts) await rounds(host);
      service.deliver();
    }
    expect([service.tasks.length, service.most, service.twice.length, await liveTasks(redis)]).toEqual([4, 2, 0, 0]);
  });

  it('are given up to nobody when a worker ends: the next one goes on at once', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const [first, second] = [senderOf(redis, 'here', service), senderOf(redis, 'here', service)];
    const [backup] = await someBackups(redis, 'here', 1);
    if (backup === undefined) throw new Error('one');
    await handOverAll(first, [backup]);
    await rounds(first);
    service.deliver();
    await rounds(second, 2);
    expect(await committed(redis, backup)).toEqual([]); // the first one holds it
    await first.sender.start()();
    await rounds(second, 2);
    expect([await committed(redis, backup), await liveTasks(redis), service.alive().length]).toEqual([backup.objects, 0, 0]);
  });

  it('of a host that is gone are settled by another: what arrived counts, the rest is left to the redo', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const gone = senderOf(redis, 'gone', service, { timing: { lookMs: 0, holdMs: 0 } });
    const there = senderOf(redis, 'there', service);
    const [one, two] = await someBackups(redis, 'gone', 2);
    if (one === undefined || two === undefined) throw new Error('two');
    await handOverAll(gone, [one]);
    await rounds(gone);
    await rounds(there, 2);
    expect(await liveTasks(redis)).toBe(1); // not its own, and not gone yet
    await makeGone(redis, 'gone');
    await rounds(there);
    expect(service.alive()).toHaveLength(1); // it gets on: it is left alone
    service.set({ state: 'stalled', error: fault('TRANSFER_IO', 'retry') });
    await rounds(there);
    expect(service.alive()).toEqual([]); // cancelled: nobody can mend it there
    await rounds(there);
    expect([await liveTasks(redis), await new Outbox(redis).count('far', 'gone'), await committed(redis, one)]).toEqual([0, 0, []]);
    await handOverAll(gone, [two]);
    await rounds(gone);
    service.deliver();
    await rounds(there);
    expect([await committed(redis, two), await liveTasks(redis)]).toEqual([two.objects, 0]);
  });

  it('go on without what is wanted no more', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const here = senderOf(redis, 'here', service);
    const [kept, dropped, cancelled] = await someBackups(redis, 'here', 3);
    if (kept === undefined || dropped === undefined || cancelled === undefined) throw new Error('three');
    await handOverAll(here, [kept, dropped, cancelled]);
    await new RunStore(redis).end(cancelled.id, { phase: 'failed' });
    await rounds(here);
    expect(service.tasks.map(({ items }) => items.length)).toEqual([6]); // never begun with it
    expect(await handOverJob(here.context, cancelled)).toBe('done');
    await new RunStore(redis).end(dropped.id, { phase: 'failed' });
    expect(await handOverJob(here.context, dropped)).toBe('waits'); // swept only after the task
    await rounds(here);
    expect(service.alive()).toHaveLength(1); // all is well: it is not disturbed
    service.set({ error: fault('TRANSFER_SOURCE_MISSING', 'permanent', dropped.objects[0]) });
    await rounds(here, 3); // cancelled, settled, sent again
    expect(service.alive().map(({ items }) => items.map(({ object }) => object).sort())).toEqual([kept.objects]);
    service.deliver();
    await rounds(here);
    expect([await committed(redis, kept), await handOverJob(here.context, dropped), service.twice]).toEqual([kept.objects, 'done', []]);
  });
});

describe('a task that fails', () => {
  it('tells the job of the item it is about, and brings the others again without an attempt; what arrived counts', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const here = senderOf(redis, 'here', service);
    const [good, bad] = await someBackups(redis, 'here', 2);
    if (good === undefined || bad === undefined) throw new Error('two');
    await handOverAll(here, [good, bad]);
    await rounds(here);
    const arrived = good.objects.slice(0, 1);
    service.set({ state: 'failed', error: fault('TRANSFER_DENIED', 'operator', bad.objects[1]), proven: arrived });
    await rounds(here);
    expect(await committed(redis, good)).toEqual(arrived);
    await expect(handOverJob(here.context, bad)).rejects.toMatchObject({ code: 'TRANSFER_DENIED', retry: 'operator', lts: 'far', subject: `far:${bad.objects[1] ?? ''} (task_id key-1)` });
    expect(await handOverJob(here.context, good)).toBe('waits');
    await rounds(here);
    service.deliver();
    await rounds(here);
    expect([await committed(redis, good), service.tasks.map(({ items }) => items.length), service.twice]).toEqual([good.objects, [6, 4], []]);
    expect(await handOverJob(here.context, bad)).toBe('waits'); // its next attempt brings the one that is missing
    await rounds(here);
    service.deliver();
    await rounds(here);
    expect([await committed(redis, bad), service.tasks.length]).toEqual([bad.objects, 3]);
  });

  it('because a file of one item is not there any more tells that one alone, by its path too', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const here = senderOf(redis, 'here', service);
    const [good, bad] = await someBackups(redis, 'here', 2);
    if (good === undefined || bad === undefined) throw new Error('two');
    await handOverAll(here, [good, bad]);
    await rounds(here);
    service.set({ state: 'failed', error: fault('TRANSFER_SOURCE_MISSING', 'permanent', `/staging/${bad.objects[1] ?? ''}`), proven: [] });
    await rounds(here);
    await expect(handOverJob(here.context, bad)).rejects.toMatchObject({ code: 'TRANSFER_SOURCE_MISSING', subject: `far:${bad.objects[1] ?? ''} (task_id key-1)` });
    await rounds(here);
    expect(service.alive().map(({ items }) => items.length)).toEqual([5]);
    expect(await handOverJob(here.context, good)).toBe('waits');
  });

  it('before the service has it is begun again with the same key, or given up when that is hopeless', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const answers: (Error | 'lost')[] = [fault('TRANSFER_IO', 'retry'), 'lost', fault('TRANSFER_DENIED', 'operator')];
    const backend = fakeBackend(service, async (name, effect) => {
      const answer = name === 'submit' ? answers.shift() : undefined;
      if (answer instanceof Error) throw answer;
      const result = effect();
      if (answer === 'lost') throw fault('TRANSFER_IO', 'retry');
      return Promise.resolve(result);
    });
    const here = senderOf(redis, 'here', service, { backend });
    const [one, two] = await someBackups(redis, 'here', 2);
    if (one === undefined || two === undefined) throw new Error('two');
    await handOverAll(here, [one]);
    await rounds(here); // refused
    expect((await new TaskStore(redis).all()).map(({ task }) => [task.state, task.error?.code, task.failures])).toEqual([['keyed', 'TRANSFER_IO', 1]]);
    await rounds(here); // accepted, and the answer is lost
    await rounds(here); // adopted
    expect((await new TaskStore(redis).all()).map(({ task }) => [task.state, task.failures])).toEqual([['submitted', 0]]);
    service.deliver();
    await rounds(here);
    expect([await committed(redis, one), service.tasks.length]).toEqual([one.objects, 1]);
    await handOverAll(here, [two]);
    await rounds(here); // refused for good
    expect([await liveTasks(redis), service.tasks.length]).toEqual([0, 1]);
    await expect(handOverJob(here.context, two)).rejects.toMatchObject({ code: 'TRANSFER_DENIED', subject: expect.stringContaining('task ') as string });
  });

  it('needs an operator: it is shown as that and waits; nothing is lost', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const here = senderOf(redis, 'here', service);
    const [backup] = await someBackups(redis, 'here', 1);
    if (backup === undefined) throw new Error('one');
    await handOverAll(here, [backup]);
    await rounds(here);
    service.set({ state: 'needs-operator', error: fault('TRANSFER_DENIED', 'operator') });
    await rounds(here, 3);
    expect((await new TaskStore(redis).all()).map(({ task }) => [task.state, task.error?.hint])).toEqual([['needs-operator', 'This is a test.']]);
    service.deliver();
    await rounds(here);
    expect(await committed(redis, backup)).toEqual(backup.objects);
  });

  it('slices that another host took over are not brought by the first, and not twice at a time', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const [here, there] = [senderOf(redis, 'here', service), senderOf(redis, 'there', service)];
    const [backup] = await someBackups(redis, 'here', 1);
    if (backup === undefined) throw new Error('one');
    await handOverAll(here, [backup]);
    await rounds(here); // in a task of the first host
    const start = 's0001-t1-abcdef';
    await new ItemStore(redis).takeOver(backup.id, { shard: 1, start }, new Map(backup.objects.map((object) => [object, { host: 'there', file: `/shared/${object}`, start }])));
    await handOverAll(there, [backup]);
    await rounds(there);
    expect(service.tasks).toHaveLength(1); // waits for the end of that
    service.set({ state: 'failed', error: fault('TRANSFER_FAILED', 'retry'), proven: [] });
    await rounds(here);
    await handOverAll(there, [backup]);
    await rounds(there);
    service.deliver();
    await rounds(there);
    expect([await committed(redis, backup), service.tasks.length, service.twice, await liveTasks(redis)]).toEqual([backup.objects, 2, [], 0]);
  });

  it('files that wait on two hosts are brought by one at a time, and hold up nothing else of the other', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const [here, there] = [senderOf(redis, 'here', service), senderOf(redis, 'there', service)];
    const [first, second] = [await savingBackup(redis, 'here', 1), await savingBackup(redis, 'there', 1)];
    const outbox = new Outbox(redis);
    const object = `alice/${first.id}/manifest.json`;
    for (const host of ['here', 'there']) {
      const file = join(await workspace(), 'manifest.json');
      await writeFile(file, 'manifest');
      await outbox.put('far', host, [{ object, file, bytes: 8, sha512: 'hash', backupId: '', kind: 'file', priority: 1, job: '' }]);
    }
    await rounds(here);
    await handOverAll(there, [second]);
    await rounds(there);
    const sent = () => service.tasks.map(({ items }) => items.map((item) => item.object));
    expect(sent()).toEqual([[object], second.objects]);
    const [own] = service.tasks;
    if (own === undefined) throw new Error('one');
    own.status = { ...own.status, state: 'cancelled', proven: [] }; // it goes back to the outbox of the first host
    await rounds(here);
    await handOverAll(here, [first]);
    expect(await outbox.pending('far', 'here', [object])).toEqual(new Set([object]));
    service.deliver();
    await rounds(there, 2); // by now that of the second one is sent
    expect(sent().at(-1)).toEqual([object]);
    await rounds(here);
    expect(sent().at(-1)).toEqual(first.objects);
    service.deliver();
    for (const host of [there, here]) await rounds(host, 2);
    expect([service.twice, await liveTasks(redis), await outbox.count('far', 'here'), await outbox.count('far', 'there')]).toEqual([[], 0, 0, 0]);
    expect([await committed(redis, first), await committed(redis, second)]).toEqual([first.objects, second.objects]);
  });

  it('of two such storages where one is enough: the second gets it only when the first is out, and then nobody waits for that', async () => {
    const { redis } = await startRedis();
    const [far, away] = [new FakeService(), new FakeService()];
    const queues = new QueueSet(redis);
    onTestFinished(() => queues.close());
    const out = new Set<string>();
    const context = contextOf(redis, 'here', [fakeBackend(far), { ...fakeBackend(away), name: 'away', tasks: { identity: 'client-2', max: 3 } }], queues);
    Object.assign(context.breakers, { isOpen: ({ name }: { name: string }) => out.has(name) });
    const here = { context, sender: new TaskSender(context, AT_ONCE) };
    const [backup] = await someBackups(redis, 'here', 1);
    if (backup === undefined) throw new Error('one');
    for (const object of backup.objects) {
      const item = (await context.items.get(backup.id, [object])).get(object);
      await redis.hset(itemsKey(backup.id), object, JSON.stringify({ ...item, goal: { lts: ['far', 'away'], toSeal: 1 } }));
    }
    expect(await handOverJob(context, backup)).toBe('waits');
    await rounds(here);
    expect([far.tasks.length, away.tasks.length]).toEqual([1, 0]);
    out.add('far'); // its task goes on, or is paused: nobody knows
    expect(await handOverJob(context, backup)).toBe('waits');
    await rounds(here);
    away.deliver();
    await rounds(here);
    expect(await handOverJob(context, backup)).toBe('done');
    expect([far.alive().length, away.tasks.length]).toEqual([1, 1]);
  });

  it('bring no file of a backup that has failed: its manifest would come behind the sweep', async () => {
    const { redis } = await startRedis();
    const service = new FakeService();
    const here = senderOf(redis, 'here', service);
    const runs = new RunStore(redis);
    const [failed, going] = await someBackups(redis, 'here', 2);
    if (failed === undefined || going === undefined) throw new Error('two');
    const file = join(await workspace(), 'manifest.json');
    await writeFile(file, '{}');
    const manifests = [failed, going].map(({ id }) => ({ object: `alice/${id}/manifest.json`, file, bytes: 2, sha512: 'a', backupId: '', kind: 'file' as const, priority: 1, job: '' }));
    await new Outbox(redis).put('far', 'here', manifests);
    await runs.update(failed.id, { phase: 'failed' });
    await rounds(here);
    expect(service.tasks.flatMap(({ items }) => items.map(({ object }) => object))).toEqual([`alice/${going.id}/manifest.json`]);
  });
});
