import { expect, it } from 'vitest';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { sendInLease, type LeasedRequest } from '../../../shared/tasks/send-in-lease.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { startRedis } from '../http/redis.js';
import { fakeBackend, fault, FakeService } from './fake-service.js';
import { handOverJob, liveTasks, makeGone, rounds, savingBackup, senderOf } from './task-site.js';

const ITEMS = ['a', 'b'].map((name) => ({ object: `alice/b/${name}`, file: `/archive/${name}`, bytes: 5, sha512: name }));

/** A client that may have one task; `submitted` is called as soon as the service has one of the import. */
function importOf(redis: LeasedRequest['redis'], service: FakeService, submitted: () => void, holdMs = 60_000) {
  const backend = fakeBackend(service, (name, effect) => {
    const result = effect();
    if (name === 'submit') submitted();
    return Promise.resolve(result);
  }, 1);
  return (sender: string, signal: AbortSignal, onWait?: () => void) => sendInLease({ redis, backend, items: ITEMS, sender, signal, timing: { lookMs: 20, holdMs, endMs: 10_000 }, ...(onWait === undefined ? {} : { onWait }) });
}

it('an import has its task under the leases of the workers, and waits for one', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const here = senderOf(redis, 'here', service, { backend: fakeBackend(service, undefined, 1) });
  const round = async (): Promise<void> => { await here.sender.round(); await here.sender.idle(); };
  const backup = await savingBackup(redis, 'here', 1);
  await handOverJob(here.context, backup);
  await round();
  let waited = 0;
  const live: number[] = [];
  const send = importOf(redis, service, () => { live.push(service.alive().length); service.deliver(); });
  const stop = new AbortController();
  const given = send('import-x', stop.signal, () => { stop.abort(); });
  await expect(given).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' });
  expect(await new Outbox(redis).count('far', 'import-x')).toBe(0);
  const sending = send('import-1', new AbortController().signal, () => { waited += 1; });
  await expect.poll(() => waited).toBe(1);
  expect(service.tasks).toHaveLength(1);
  service.deliver();
  await round();
  expect((await sending).map(({ state }) => state)).toEqual(['committed', 'committed']);
  expect([live, service.most, await liveTasks(redis), await new Outbox(redis).count('far', 'import-1')]).toEqual([[1], 1, 0, 0]);
});

it('that of an import is cancelled when an operator wishes it', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const store = new TaskStore(redis);
  const send = importOf(redis, service, () => { void store.all().then(([live]) => store.wishCancel(live?.task.id ?? '', 'root')); });
  expect((await send('import-3', new AbortController().signal)).map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
  expect([service.alive(), await liveTasks(redis)]).toEqual([[], 0]);
});

interface Trouble {
  /** How the task stands once it is submitted. */
  readonly state?: 'needs-operator' | 'running';
  /** So many calls of a name that fail. */
  readonly refused?: Readonly<Record<string, number>>;
  /** A call that is never answered. */
  readonly silent?: string;
  readonly endMs?: number;
}

/** What is left of an import that failed while its task was alive. */
async function failed({ state = 'needs-operator', refused = {}, silent, endMs = 10_000 }: Trouble) {
  const { redis } = await startRedis();
  const service = new FakeService();
  const asked: string[] = [];
  const left: string[] = [];
  const backend = fakeBackend(service, (name, effect) => {
    if (silent === name) return new Promise(() => undefined);
    asked.push(name);
    if (asked.filter((each) => each === name).length <= (refused[name] ?? 0)) return Promise.reject(fault('TRANSFER_IO', 'retry'));
    const result = effect();
    if (name === 'submit') service.set({ state });
    return Promise.resolve(result);
  }, 1);
  const results = await sendInLease({ redis, backend, items: ITEMS, sender: 'import-4', signal: new AbortController().signal, timing: { lookMs: 20, holdMs: 60_000, endMs }, onLeft: (name) => { left.push(name); } });
  expect(results.map(({ state }) => state)).toEqual(['failed', 'failed']);
  return { redis, service, left, live: await new TaskStore(redis).all() };
}

it.each([
  ['needs a person', {}],
  ['could not be asked about', { state: 'running' as const, refused: { poll: 1 } }],
])('that of an import that failed as it %s is ended before its lease is given back', async (_, trouble: Trouble) => {
  const { service, live, left } = await failed(trouble);
  expect([service.tasks.length, service.alive(), live, left]).toEqual([1, [], [], []]);
});

it.each([
  ['refuses to end it', { refused: { cancel: 9 } }, { task_id: 'key-1' }],
  ['does not say what became of it', { refused: { reconcile: 9 } }, null],
  ['does not answer', { silent: 'cancel', endMs: 20 }, { task_id: 'key-1' }],
])('that of an import that failed keeps its lease while the service %s: a worker sees its end', async (_, trouble: Trouble, handle) => {
  const { redis, service, live, left } = await failed(trouble);
  expect([service.alive().length, live.map(({ task, holder }) => [task.host, task.handle, holder]), left.length]).toEqual([1, [['import-4', handle, null]], 1]);
  const there = senderOf(redis, 'there', service, { backend: fakeBackend(service, undefined, 1) });
  await rounds(there);
  expect(service.alive()).toHaveLength(1); // the import is not known to be gone
  await makeGone(redis, 'import-4');
  await rounds(there, 4);
  expect([service.tasks.length, service.alive(), await liveTasks(redis), await new Outbox(redis).count('far', 'import-4')]).toEqual([1, [], 0, 0]);
});

it('that of an import that was killed is on record, and a lease, until a worker has seen its end', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const own = redis.duplicate();
  let submitted = (): void => undefined;
  const isSubmitted = new Promise<void>((resolve) => { submitted = resolve; });
  const stop = new AbortController();
  const killed = importOf(own, service, () => { submitted(); }, 50)('import-2', stop.signal).catch(toBwError);
  await isSubmitted;
  own.disconnect(); // nothing it does is on record from here on
  const [live] = await new TaskStore(redis).all();
  expect([live?.task.host, live?.task.items, live?.task.handle]).toEqual(['import-2', 2, null]);
  const there = senderOf(redis, 'there', service, { backend: fakeBackend(service, undefined, 1) });
  const round = async (): Promise<void> => { await there.sender.round(); await there.sender.idle(); };
  await round();
  expect(await liveTasks(redis)).toBe(1); // it may go on
  await makeGone(redis, 'import-2');
  await expect.poll(async () => { await round(); return (await new TaskStore(redis).all())[0]?.task.state; }).toBe('submitted');
  service.deliver();
  await round();
  expect([await liveTasks(redis), service.tasks.length]).toEqual([0, 1]);
  stop.abort();
  await killed;
});
