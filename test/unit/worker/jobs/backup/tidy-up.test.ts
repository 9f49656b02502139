import { expect, it } from 'vitest';
import type { ShardResult } from '../../../../../shared/runs/shard-result.js';
import { isTidy } from '../../../../../worker/jobs/backup/tidy-up.js';

const ONCE = { attemptsStarted: 2, attemptsMade: 0, stalledCounter: 0 };

function part(start: string, keys: readonly string[], host = 'here', discarded = 0): ShardResult {
  return { start, host, discarded, archives: keys.map((key) => ({ key })) } as unknown as ShardResult;
}

const FINE = part('s0001-t1-abcdef', ['0.1', '0.2', '1.1']);

it('a backup is tidy when its only shard was saved here at its first start, and its seal begun once', () => {
  expect(isTidy({ job: ONCE }, [FINE], 'here')).toBe(true);
});

it.each([
  ['its job failed before', { ...ONCE, attemptsMade: 1 }, [FINE]],
  ['a worker died with it', { ...ONCE, stalledCounter: 1 }, [FINE]],
  ['its job was started once more', { ...ONCE, attemptsStarted: 3 }, [FINE]],
  ['another start of the shard went before', ONCE, [part('s0001-t2-abcdef', ['1.1'])]],
  ['another host saved it', ONCE, [part('s0001-t1-abcdef', ['1.1'], 'there')]],
  ['an archive of it was thrown away, or made again', ONCE, [part('s0001-t1-abcdef', ['1.2'])]],
  ['its only archive was thrown away', ONCE, [part('s0001-t1-abcdef', [], 'here', 1)]],
  ['there are more shards, or parts of one', ONCE, [FINE, part('s0002-t1-abcdef', ['2.1'])]],
  ['there is none', ONCE, []],
])('not when %s', (_, job, parts) => {
  expect(isTidy({ job }, parts, 'here')).toBe(false);
});
