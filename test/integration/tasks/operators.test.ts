// What operators see of transfer tasks, and do with them: figures, `tasks list`, `tasks cancel`, and what is left of hosts that never return.
import { expect, it } from 'vitest';
import { taskCancelOutput, tasksOutput } from '../../../producer/cli/tasks/outputs.js';
import { readTaskFigures } from '../../../producer/http.js';
import { OutboxArea } from '../../../producer/reconcile/outbox-area.js';
import type { ReconcileParts } from '../../../producer/reconcile/parts.js';
import { readSiteKeys } from '../../../producer/reconcile/site-keys.js';
import type { Finding } from '../../../shared/reconcile/finding.js';
import { walk } from '../../../shared/reconcile/walk.js';
import { RunStore } from '../../../shared/runs/run-store.js';
import type { BwError } from '../../../shared/errors/bw-error.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { runCli } from '../cli/cli-process.js';
import { cliSite } from '../cli/cli-site.js';
import { startRedis } from '../http/redis.js';
import { fakeBackend, fault, FakeService } from './fake-service.js';
import { committed, handOverJob, liveTasks, makeGone, rounds, savingBackup, senderOf } from './task-site.js';

const product = compiledProduct();

it('tasks list shows a task that is stuck, tasks cancel ends it once, and what it has not brought goes with another without an attempt', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const here = senderOf(redis, 'here', service);
  const backup = await savingBackup(redis, 'here', 3);
  expect(await handOverJob(here.context, backup)).toBe('waits');
  await rounds(here);
  const [arrived = ''] = backup.objects;
  service.set({ state: 'stalled', bytes: 1_000, files: 1, error: fault('TRANSFER_DENIED', 'operator'), proven: [arrived] });
  await rounds(here);
  const { configFile } = await cliSite();
  const cli = (...args: string[]) => runCli(product, ['tasks', ...args, '--json', '--set', `redis.url=${String(redis.options.path)}`], { config: configFile });
  const listed = tasksOutput.parse(JSON.parse((await cli('list')).stdout));
  expect(listed).toMatchObject({ outboxes: [], tasks: [{ lts: 'far', host: 'here', name: 'task_id key-1', state: 'stalled', items: 3, itemsDone: 1, code: 'TRANSFER_DENIED', hint: 'This is a test.', needsOperator: true, followed: true, cancelledBy: null }] });
  const id = listed.tasks[0]?.id ?? '';
  expect(taskCancelOutput.parse(JSON.parse((await cli('cancel', 'key-1')).stdout))).toMatchObject({ id, state: 'stalled', already: false, followed: true });
  const store = new TaskStore(redis);
  expect([await store.wishCancel(id, 'another'), (await store.read(id))?.cancelledBy === 'another']).toEqual(['already', false]);
  expect(service.alive()).toHaveLength(1); // nobody but a worker talks to the service
  await rounds(here);
  expect(service.alive()).toEqual([]);
  service.tasks.forEach((task) => { task.status = { ...task.status, state: 'failed', error: fault('TRANSFER_DENIED', 'operator'), proven: [arrived] }; }); // as Globus tells what it was stuck at
  await rounds(here, 2);
  expect(await committed(redis, backup)).toEqual([arrived]);
  expect(service.alive().map(({ items }) => items.map(({ object }) => object).sort())).toEqual([backup.objects.slice(1)]);
  expect([await store.wishCancel(id, 'another'), (await store.all()).map(({ cancelledBy }) => cancelledBy)]).toEqual(['over', [null]]);
  expect(await cli('cancel', id)).toMatchObject({ code: 4, stdout: expect.stringContaining('NOT_RUNNING') as string });
  service.deliver();
  await rounds(here);
  expect(await handOverJob(here.context, backup)).toBe('done');
  expect([await committed(redis, backup), service.twice, await liveTasks(redis)]).toEqual([backup.objects, [], 0]);
});

it('a task that its service does not have is cancelled without asking for it, and counted until then', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const refusing = fakeBackend(service, async (name, effect) => {
    if (name === 'submit') throw fault('TRANSFER_IO', 'retry');
    return Promise.resolve(effect());
  });
  const here = senderOf(redis, 'here', service, { backend: refusing });
  const backup = await savingBackup(redis, 'here', 2);
  expect(await handOverJob(here.context, backup)).toBe('waits');
  await rounds(here);
  await makeGone(redis, 'off'); // others are heard
  const figures = await readTaskFigures(redis, ['far']);
  expect(figures.tasks).toMatchObject([{ lts: 'far', states: { keyed: 1 }, files: { done: 0, left: 2 }, bytes: { left: 2_000 }, needOperator: 0 }]);
  const [live] = await new TaskStore(redis).all();
  expect(await new TaskStore(redis).wishCancel(live?.task.id ?? '', 'ann')).toBe('wished');
  const well = senderOf(redis, 'here', service, { timing: { lookMs: 0, holdMs: 60_000 } });
  await here.sender.start()(); // gives it up
  await rounds(well);
  expect(service.tasks.map(({ items }) => items.length)).toEqual([2]); // another one: the first was never begun
  expect((await new TaskStore(redis).all()).map(({ task }) => task.id === live?.task.id)).toEqual([false]);
  service.deliver();
  await rounds(well);
  expect(await committed(redis, backup)).toEqual(backup.objects);
});

it('a task that is over, and of which its service refuses to tell, is cancelled: all of it goes with another', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const faults = new Map<string, BwError>();
  const asked: string[] = [];
  const backend = fakeBackend(service, async (name, effect) => {
    asked.push(name);
    const error = faults.get(name);
    if (error !== undefined) throw error;
    return Promise.resolve(effect());
  });
  const here = senderOf(redis, 'here', service, { backend });
  const backup = await savingBackup(redis, 'here', 2);
  expect(await handOverJob(here.context, backup)).toBe('waits');
  await rounds(here);
  service.deliver();
  faults.set('poll', fault('TRANSFER_DENIED', 'operator'));
  await rounds(here, 2);
  const store = new TaskStore(redis);
  const [live] = await store.all();
  expect([live?.task.error?.code, asked.includes('cancel')]).toEqual(['TRANSFER_DENIED', false]); // nobody wishes it
  await store.wishCancel(live?.task.id ?? '', 'ann');
  faults.set('poll', fault('TRANSFER_IO', 'retry'));
  await rounds(here);
  expect([asked.includes('cancel'), await liveTasks(redis)]).toEqual([false, 1]); // it may tell the next time
  faults.set('poll', fault('TRANSFER_DENIED', 'operator')).set('cancel', fault('TRANSFER_DENIED', 'operator'));
  await rounds(here);
  expect([(await store.all()).map(({ task }) => task.id), service.tasks.length]).toEqual([[live?.task.id], 1]); // it may go on
  faults.delete('cancel');
  await rounds(here, 2);
  expect(service.tasks.map(({ items }) => items.map(({ object }) => object).sort())).toEqual([backup.objects, backup.objects]);
  expect([await committed(redis, backup), service.twice, await liveTasks(redis)]).toEqual([[], [], 1]);
  faults.clear();
  service.deliver();
  await rounds(here, 2);
  expect(await handOverJob(here.context, backup)).toBe('done');
  expect([await committed(redis, backup), await liveTasks(redis)]).toEqual([backup.objects, 0]);
});

it('the outbox of a host that never returns is told, and given up as far as no running backup needs it; not in a dry run, and not of a host that is heard', async () => {
  const { redis } = await startRedis();
  const off = senderOf(redis, 'off', new FakeService());
  const [going, ended] = [await savingBackup(redis, 'off', 2), await savingBackup(redis, 'off', 3)];
  for (const backup of [going, ended]) expect(await handOverJob(off.context, backup)).toBe('waits');
  const outbox = new Outbox(redis);
  const manifest = { object: `alice/${ended.id}/manifest.json`, file: '/m', bytes: 7, sha512: 'a', backupId: '', kind: 'file' as const, priority: 1, job: '' };
  await outbox.put('far', 'off', [manifest]);
  await outbox.put('far', 'there', [manifest]);
  await new RunStore(redis).end(ended.id, { phase: 'failed' });
  const look = async (dryRun: boolean): Promise<Finding[]> => {
    const { queues, runs } = off.context;
    const area = new OutboxArea({ queues, runs } as unknown as ReconcileParts, await readSiteKeys(redis));
    const found: Finding[] = [];
    for await (const finding of walk(area, { dryRun, onProblem: (_, thrown) => { throw thrown; } })) found.push(finding);
    return found;
  };
  expect(await look(false)).toEqual([]); // nobody knows yet who is gone
  await makeGone(redis, 'off');
  const left = { kind: 'outbox-left', subject: 'outbox of off for far', bytes: '3007' };
  expect(await look(true)).toMatchObject([{ ...left, state: 'found' }]);
  expect((await readTaskFigures(redis, ['far'])).outboxes).toMatchObject([{ host: 'off', files: 6, bytes: 5_007, hostIsGone: true }, { host: 'there', files: 1, hostIsGone: false }]);
  expect(await look(false)).toMatchObject([{ ...left, state: 'repaired' }]);
  expect((await outbox.all('far', 'off')).map(({ object }) => object).sort()).toEqual(going.objects);
  expect([await look(false), await outbox.count('far', 'there')]).toEqual([[], 1]);
  await new RunStore(redis).end(going.id, { phase: 'failed' });
  expect(await look(false)).toMatchObject([{ bytes: '2000', state: 'repaired' }]);
  expect(await outbox.count('far', 'off')).toBe(0);
});
