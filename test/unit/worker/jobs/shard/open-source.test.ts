import { describe, expect, it } from 'vitest';
import { checkSourceFits } from '../../../../../worker/jobs/shard/open-source.js';

const STAGING = { budgetBytes: 1000, restoreShare: 0.2 };

describe('the archive a consolidation copies from', () => {
  it.each([
    [700, 100],
    [0, 900], // read in place: the account judges the copy alone
  ])('fits: %d bytes beside a slice of %d', (fetched, slice) => {
    expect(() => { checkSourceFits({ fetched, slice, subject: 'a' }, STAGING); }).not.toThrow();
  });

  it('is refused before it is fetched where its copy would never get a slice', () => {
    expect(() => { checkSourceFits({ fetched: 701, slice: 100, subject: 'a' }, STAGING); }).toThrow(expect.objectContaining({ code: 'STAGING_TOO_SMALL', retry: 'operator', subject: 'a' }) as Error);
  });
});
