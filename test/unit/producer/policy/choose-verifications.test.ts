import { describe, expect, it } from 'vitest';
import { chooseVerifications, type VerifyCandidate } from '../../../../producer/policy/choose-verifications.js';
import type { VerifyConfig } from '../../../../shared/config/config.js';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 4, 1);
const CONFIG: VerifyConfig = { everyMs: 30 * DAY, level: 'hash', samplePercent: 10, recallPerDay: null };

const candidate = (basepathId: string, daysAgo: number | null, tapeObjects = 0): VerifyCandidate => ({
  basepathId, backupId: `of-${basepathId}`, lastVerifiedAtMs: daysAgo === null ? null : NOW - daysAgo * DAY, tape: { objects: tapeObjects, bytes: tapeObjects * 1000 },
});

function told(candidates: readonly VerifyCandidate[], config: Partial<VerifyConfig> = {}, spent = { bytes: 0, objects: 0 }, atOnce = 10): string[] {
  return chooseVerifications({ candidates, config: { ...CONFIG, ...config }, nowMs: NOW, spent, atOnce }).map(
    ({ basepathId, level, samplePercent, recalls, reason }) => `${basepathId} ${level} ${samplePercent}% ${recalls.objects}/${recalls.bytes} ${reason}`,
  );
}

describe('what is verified next', () => {
  it('who never was, then who was not for longest; who was lately is left alone', () => {
    expect(told([candidate('recent', 29), candidate('b', 40), candidate('new', null), candidate('a', 40), candidate('old', 99)])).toEqual([
      'new hash 10% 0/0 never verified',
      'old hash 10% 0/0 verified 99 days ago',
      'a hash 10% 0/0 verified 40 days ago',
      'b hash 10% 0/0 verified 40 days ago',
    ]);
    expect(told([candidate('a', 40), candidate('old', 99)], {}, { bytes: 0, objects: 0 }, 1)).toEqual(['old hash 10% 0/0 verified 99 days ago']);
    expect(told([candidate('a', null)], { everyMs: null })).toEqual([]);
  });

  it('without a budget nothing is recalled', () => {
    expect(told([candidate('tape', null, 100), candidate('disk', null)])).toEqual(['disk hash 10% 0/0 never verified', 'tape manifest 100% 0/0 never verified; without recall: the budget']);
  });

  it('within the budget, shrinking the sample to what is left of it', () => {
    const recallPerDay = { bytes: 25_000, objects: 1000 };
    expect(told(['a', 'b', 'c', 'd'].map((name) => candidate(name, null, 100)), { recallPerDay })).toEqual([
      'a hash 10% 10/10000 never verified',
      'b hash 10% 10/10000 never verified',
      'c hash 5% 5/5000 never verified; a smaller sample: the recall budget',
      'd manifest 100% 0/0 never verified; without recall: the budget',
    ]);
    expect(told([candidate('a', null, 100)], { recallPerDay }, { bytes: 24_001, objects: 0 })).toEqual(['a manifest 100% 0/0 never verified; without recall: the budget']);
    expect(told([candidate('a', null, 100)], { recallPerDay }, { bytes: 0, objects: 998 })).toEqual(['a hash 2% 2/2000 never verified; a smaller sample: the recall budget']);
  });

  it('what reads whole archives counts as all of the chain', () => {
    expect(told([candidate('a', null, 100)], { level: 'restore', recallPerDay: { bytes: 99_999, objects: 1000 } })).toEqual(['a manifest 100% 0/0 never verified; without recall: the budget']);
    expect(told([candidate('a', null, 100)], { level: 'restore', recallPerDay: { bytes: 100_000, objects: 100 } })).toEqual(['a restore 10% 100/100000 never verified']);
  });
});
