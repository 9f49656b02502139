import { expect, it } from 'vitest';
import { askHosts } from '../../../../producer/reconcile/ask-hosts.js';
import type { QueueSet } from '../../../../shared/queues/queue-set.js';

/** A host's queue whose job is seen in these states, one after the other; its result can be read once it has ended. */
function queueOf(states: readonly string[], result: unknown): unknown {
  let looks = 0;
  return {
    getWorkersCount: () => Promise.resolve(1),
    add: () => Promise.resolve({ id: '7' }),
    getJobState: () => Promise.resolve(states[looks++] ?? 'active'),
    getJob: () => Promise.resolve({ returnvalue: states[looks - 1] === 'completed' ? result : null, failedReason: 'EIO: broken disk' }),
  };
}

function ask(queues: Readonly<Record<string, unknown>>): ReturnType<typeof askHosts> {
  return askHosts({ cleanupOf: (host: string) => queues[host] } as unknown as QueueSet, Object.keys(queues), { dryRun: true, patienceMs: 1_000 });
}

it('has every host look at its staging, and takes the answer when it is there', async () => {
  const found = { kind: 'staging-left', subject: 'a:x', detail: 'its run is done', bytes: null, state: 'found', command: null, error: null };
  expect(await ask({ a: queueOf(['active', 'completed'], { findings: [found] }), b: queueOf(['failed'], null), c: queueOf(['unknown'], null) })).toEqual([
    { host: 'a', findings: [found], why: null },
    { host: 'b', findings: null, why: 'EIO: broken disk' },
    { host: 'c', findings: null, why: 'the job is gone' },
  ]);
});

it('a host whose answer cannot be read does not take the others\' away', async () => {
  const [a, b] = await ask({ a: queueOf(['completed'], 'of another version'), b: queueOf(['completed'], { findings: [] }) });
  expect(a).toMatchObject({ host: 'a', findings: null, why: expect.any(String) as string });
  expect(b).toEqual({ host: 'b', findings: [], why: null });
});
