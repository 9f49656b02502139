import { expect, it } from 'vitest';
import type { Heard } from '../../../../shared/hosts/silence.js';
import { shardsToRedo } from '../../../../shared/runs/redo-shards.js';

const heard = { nowMs: 3_600_000, listeningSinceMs: 0, processes: [{ process: { host: 'up' }, seenMs: 3_599_000 }, { process: { host: 'off' }, seenMs: 60_000 }] } as unknown as Heard;

it('each shard of which a host that is gone has something, once, in order', () => {
  const unsent = [{ shard: 3, host: 'off' }, { shard: 1, host: 'up' }, { shard: 2, host: 'unknown' }, { shard: 3, host: 'off' }, { shard: 4, host: 'up' }];
  expect(shardsToRedo(unsent, heard)).toEqual([{ shard: 2, host: 'unknown' }, { shard: 3, host: 'off' }]);
  expect(shardsToRedo(unsent, { ...heard, listeningSinceMs: 3_500_000 })).toEqual([]);
});
