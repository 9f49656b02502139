import { expect, it } from 'vitest';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { sendInLease, type LeasedRequest } from '../../../shared/tasks/send-in-lease.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { startRedis } from '../http/redis.js';
import { fakeBackend, FakeService } from './fake-service.js';
import { handOverJob, liveTasks, makeGone, savingBackup, senderOf } from './task-site.js';

const ITEMS = ['a', 'b'].map((name) => ({ object: `alice/b/${name}`, file: `/archive/${name}`, bytes: 5, sha512: name }));

/** A client that may have one task; `submitted` is called as soon as the service has one of the import. */
function importOf(redis: LeasedRequest['redis'], service: FakeService, submitted: () => void, holdMs = 60_000) {
  const backend = fakeBackend(service, (name, effect) => {
    const result = effect();
    if (name === 'submit') submitted();
    return Promise.resolve(result);
  }, 1);
  return (sender: string, signal: AbortSignal, onWait?: () => void) => sendInLease({ redis, backend, items: ITEMS, sender, signal, timing: { lookMs: 20, holdMs }, ...(onWait === undefined ? {} : { onWait }) });
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
