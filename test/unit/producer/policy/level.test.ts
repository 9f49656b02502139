import { describe, expect, it } from 'vitest';
import { chooseLevel } from '../../../../producer/policy/level.js';
import { NOW, SCHEDULE, sampleFacts } from './samples.js';

const differential = { ...SCHEDULE, level: 'differential' as const, maxDifferentialShare: 0.4 };

describe('the level of a backup made now', () => {
  it.each([
    ['no backup yet', null, SCHEDULE, 'full: no sealed full'],
    ['a young full', sampleFacts({ fullDays: 3 }), SCHEDULE, 'incremental: last full is 3d 0h old, with 0 of at most 60 backups on top'],
    ['a full as old as allowed', sampleFacts({ fullDays: 30 }), SCHEDULE, 'full: last full is 30d 0h old'],
    ['a long chain', sampleFacts({ fullDays: 20, chain: 60, share: 0.1 }), SCHEDULE, 'full: backups on top of the last full: 60 (maxChain 60)'],
    ['much saved since', sampleFacts({ fullDays: 9, chain: 9, share: 0.51 }), SCHEDULE, 'full: saved since the last full: 522 MiB, 51 % of it (maxDifferentialShare 50 %)'],
    ['just not too much', sampleFacts({ fullDays: 9, chain: 9, share: 0.5 }), SCHEDULE, 'incremental: last full is 9d 0h old, with 9 of at most 60 backups on top'],
    ['a differential, not too large', sampleFacts({ fullDays: 9, chain: 1, share: 0.39 }), differential, 'differential: last full is 9d 0h old, with 1 of at most 60 backups on top'],
    ['a differential, too large', sampleFacts({ fullDays: 9, chain: 1, share: 0.41 }), differential, 'full: saved since the last full: 420 MiB, 41 % of it (maxDifferentialShare 40 %)'],
    ['an empty full, and much since', { ...sampleFacts({ fullDays: 9, bytes: 0 }), chain: { length: 1, archiveBytes: 2 ** 30 } }, SCHEDULE, 'full: saved since the last full: 1.0 GiB, more than all of it (maxDifferentialShare 50 %)'],
    ['a small full, and as much since', { ...sampleFacts({ fullDays: 9, bytes: 5_000 }), chain: { length: 1, archiveBytes: 9_000 } }, SCHEDULE, 'incremental: last full is 9d 0h old, with 1 of at most 60 backups on top'],
  ])('%s', (_case, facts, policy, expected) => {
    const { level, reason } = chooseLevel(facts, policy, NOW);
    expect(`${level}: ${reason}`).toBe(expected);
  });
});
