import { expect, it } from 'vitest';
import type { StoredItem } from '../../../../../shared/runs/item-store.js';
import type { WorkerContext } from '../../../../../worker/context.js';
import { goneHost } from '../../../../../worker/jobs/shard/kept-parts.js';

const WORKERS: Readonly<Record<string, number>> = { here: 0, there: 1, off: 0 };
const queues = { transfer: (host: string) => ({ getWorkersCount: () => Promise.resolve(WORKERS[host]) }) };
const context = { config: { host: 'here' }, backends: [{ name: 'one' }, { name: 'two' }], queues } as unknown as WorkerContext;

function item(host: string, ...sentTo: string[]): StoredItem {
  return { host, committed: Object.fromEntries(sentTo.map((lts) => [lts, {}])) } as unknown as StoredItem;
}

it.each([
  ['what is here', [item('here')], null],
  ['what a worker elsewhere sends', [item('there', 'one')], null],
  ['what is in every LTS', [item('off', 'one', 'two')], null],
  ['what lacks an LTS and is where no worker runs', [item('there'), item('off', 'one')], 'off'],
])('%s', async (_, items, gone) => {
  expect(await goneHost(context, items)).toBe(gone);
});
