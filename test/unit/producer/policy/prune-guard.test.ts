import { expect, it } from 'vitest';
import { pruneWaits } from '../../../../producer/policy/prune-guard.js';

const facts = { backups: 100, remove: 21, policy: 'a', lastPolicy: 'b', maxRemoveShare: 0.2, accepted: false };

it.each([
  ['a change that removes more than its share', {}, 'retention changed: it would remove 21% of 100 backups, more than retention.maxRemoveShare'],
  ['the first prune', { lastPolicy: null }, 'the first prune: it would remove 21% of 100 backups, more than retention.maxRemoveShare'],
  ['more than usual without a change', { lastPolicy: 'a' }, 'more than usual: it would remove 21% of 100 backups, more than retention.maxRemoveShare'],
  ['exactly its share', { remove: 20 }, null],
  ['accepted', { accepted: true }, null],
  ['nothing to remove', { remove: 0, maxRemoveShare: 0 }, null],
  ['the daily work of a small site', { lastPolicy: 'a', backups: 2, remove: 1 }, null],
  ['a change at a small site', { backups: 2, remove: 1 }, 'retention changed: it would remove 50% of 2 backups, more than retention.maxRemoveShare'],
])('%s', (_, change, expected) => {
  expect(pruneWaits({ ...facts, ...change })).toBe(expected);
});
