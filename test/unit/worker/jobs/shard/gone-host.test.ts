import { expect, it } from 'vitest';
import type { StoredItem } from '../../../../../shared/runs/item-store.js';
import type { WorkerContext } from '../../../../../worker/context.js';
import { goneHost } from '../../../../../worker/jobs/shard/kept-parts.js';

const processes = [['there', 999_000], ['off', 100_000]].map(([host, seenMs]) => ({ process: { host }, seenMs }));
const presence = { heard: () => Promise.resolve({ nowMs: 1_000_000, listeningSinceMs: 0, processes }) };
const context = { config: { host: 'here' }, backends: [{ name: 'one' }, { name: 'two' }], presence } as unknown as WorkerContext;

function item(host: string, ...sentTo: string[]): StoredItem {
  return { host, committed: Object.fromEntries(sentTo.map((lts) => [lts, {}])) } as unknown as StoredItem;
}

it.each([
  ['what is here', [item('here')], null],
  ['what a worker elsewhere sends', [item('there', 'one')], null],
  ['what is in every LTS', [item('off', 'one', 'two')], null],
  ['what lacks an LTS and is on a host that is gone', [item('there'), item('off', 'one')], 'off'],
])('%s', async (_, items, gone) => {
  expect(await goneHost(context, items)).toBe(gone);
});
