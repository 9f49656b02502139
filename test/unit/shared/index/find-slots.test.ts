import { expect, it } from 'vitest';
import { FindSlots } from '../../../../shared/index/find-slots.js';

/** Whether a promise has settled by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true, () => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
}

it('gives as many places as the filesystem may have, first come, first served', async () => {
  const slots = new FindSlots();
  const [first, second] = [await slots.take('lustre 1', 2), await slots.take('lustre 1', 2)];
  const [third, fourth] = [slots.take('lustre 1', 2), slots.take('lustre 1', 2)];
  expect(await isDone(third)).toBe(false);
  expect(await isDone(slots.take('lustre 2', 2))).toBe(true);
  second();
  second(); // without effect
  expect([await isDone(third), await isDone(fourth)]).toEqual([true, false]);
  expect(slots.active('lustre 1')).toBe(2);
  first();
  (await third)();
  (await fourth)();
  expect(slots.active('lustre 1')).toBe(0);
});

it('keeps to the limit of each that asks: what may have more does not pass what may have less', async () => {
  const slots = new FindSlots();
  const held = [await slots.take('fs', 3), await slots.take('fs', 3)];
  const one = slots.take('fs', 1);
  const three = slots.take('fs', 3);
  expect([await isDone(one), await isDone(three)]).toEqual([false, false]);
  for (const release of held) release();
  expect([await isDone(one), await isDone(three)]).toEqual([true, true]);
  expect(slots.active('fs')).toBe(2);
});

it('lets go of who is told to stop', async () => {
  const slots = new FindSlots();
  const stop = new AbortController();
  const release = await slots.take('fs', 1);
  const waiting = slots.take('fs', 1, stop.signal);
  const behind = slots.take('fs', 1);
  stop.abort(new Error('told to stop'));
  await expect(waiting).rejects.toThrow('told to stop');
  await expect(slots.take('fs', 1, stop.signal)).rejects.toThrow('told to stop');
  release();
  expect(await isDone(behind)).toBe(true);
});
