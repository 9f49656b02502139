import pino from 'pino';
import { expect, it } from 'vitest';
import type { WorkerContext } from '../../../../../worker/context.js';
import { SliceSender, type SenderOptions } from '../../../../../worker/jobs/shard/slice-sender.js';

const MIB = 1024 * 1024;

/** With one slice held back. What it puts on record is in `done`. */
function senderOf(check: () => Promise<void>, bytes = MIB) {
  const done: string[] = [];
  const add = (what: string) => (): Promise<boolean> => {
    done.push(what);
    return Promise.resolve(true);
  };
  const runs = { read: () => Promise.resolve({ phase: 'saving' }), addSent: () => Promise.resolve() };
  const staging = { account: { isTight: false }, shareFiles: () => Promise.resolve() };
  const context = { config: { host: 'here', lts: [] }, backends: [], runs, staging, items: { add: add('item') }, queues: { transfer: () => ({ add: add('job') }) } } as unknown as WorkerContext;
  const over = new AbortController();
  const parent = { id: '1', queue: 'q' };
  const options: SenderOptions = { backupId: 'B', basepathId: 'alice', priorityClass: 'full', start: 's0001-t1-a', claim: { shard: 1, start: 's0001-t1-a' }, parent, check, signal: over.signal, logger: pino({ enabled: false }) };
  const sender = new SliceSender(context, options);
  sender.hold([{ number: 1, file: '/staging/a.1.dar', bytes, sha512: 'ab' }]);
  return { sender, over, done };
}

it('a flush puts slices on record and orders them sent; small ones were sent by then', async () => {
  const large = senderOf(() => Promise.resolve());
  await large.sender.flush();
  expect(large.done).toEqual(['item', 'job']);
  const small = senderOf(() => Promise.resolve(), 100);
  await small.sender.flush();
  expect(small.done).toEqual(['item']);
});

it('a start that is over puts nothing more on record, and its end waits for a flush on its way', async () => {
  let answer = (): void => undefined;
  const checked = new Promise<void>((resolve) => { answer = resolve; });
  const { sender, over, done } = senderOf(() => checked);
  const flushing = sender.flush();
  flushing.catch(() => undefined); // looked at below
  await new Promise(setImmediate); // it waits for the answer
  over.abort(new Error('over'));
  const closing = sender.close();
  const first = await Promise.race([closing.then(() => 'closed'), new Promise((resolve) => { setImmediate(resolve, 'waits'); })]);
  answer();
  await expect(flushing).rejects.toThrow('over');
  await closing;
  await sender.flush();
  expect(first).toBe('waits');
  expect(done).toEqual([]);
});

it('small slices of a start that another one took over while they were sent are not put on record', async () => {
  let checks = 0;
  const { sender, done } = senderOf(() => (++checks === 1 ? Promise.resolve() : Promise.reject(new Error('taken over'))), 100);
  await expect(sender.flush()).rejects.toThrow('taken over');
  expect(done).toEqual([]);
});
