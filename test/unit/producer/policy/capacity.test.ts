import { describe, expect, it } from 'vitest';
import { capacityOf } from '../../../../producer/policy/capacity.js';
import { DAY_MS } from '../../../../producer/policy/basepath-now.js';
import { GIB, NOW, sampleBasepath, sampleFacts } from './samples.js';

describe('capacity', () => {
  const facts = sampleFacts({ fullDays: 3 });
  const slow = { ...facts, full: { ...facts.full, slotMs: 2.9 * DAY_MS } as NonNullable<typeof facts.full>, other: { archiveBytes: 1, slotMs: 0.1 * DAY_MS } };

  it('is what fulls take of their cycle, and incrementals of their interval', () => {
    const capacity = capacityOf([sampleBasepath({ facts: slow })], NOW);
    expect(capacity).toMatchObject({ basepaths: 1, measured: 1, fullBytes: GIB });
    expect(capacity.fullSlots).toBeCloseTo(0.1, 6);
    expect(capacity.otherSlots).toBeCloseTo(0.1, 6);
    expect(capacity.bytesPerSlotSecond).toBeCloseTo(GIB / (2.9 * 86_400), 3);
  });

  it('counts what was never measured as the others', () => {
    const capacity = capacityOf([sampleBasepath({ facts: slow }), sampleBasepath(), sampleBasepath()], NOW);
    expect(capacity).toMatchObject({ basepaths: 3, measured: 1, fullBytes: 3 * GIB });
    expect(capacity.fullSlots).toBeCloseTo(0.3, 6);
  });

  it('knows nothing before the first full', () => {
    expect(capacityOf([sampleBasepath()], NOW)).toEqual({ basepaths: 1, measured: 0, fullBytes: 0, bytesPerSlotSecond: null, fullSlots: 0, otherSlots: 0 });
  });
});
