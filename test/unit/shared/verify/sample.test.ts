import { describe, expect, it } from 'vitest';
import { BoundedSample, sampleOf } from '../../../../shared/verify/sample.js';

const keys = Array.from({ length: 10_000 }, (_, i) => `object-${i}`);
const same = (key: string): string => key;

describe('a sample', () => {
  it('is the same for the same seed, another for another, and about as large as asked for', () => {
    const one = sampleOf(keys, same, 10, 'a');
    expect(sampleOf(keys, same, 10, 'a')).toEqual(one);
    expect(sampleOf(keys, same, 10, 'b')).not.toEqual(one);
    expect(one.length).toBeGreaterThan(900);
    expect(one.length).toBeLessThan(1100);
  });

  it('of a larger share holds that of a smaller one; one is always in it', () => {
    const large = new Set(sampleOf(keys, same, 20, 'a'));
    expect(sampleOf(keys, same, 5, 'a').every((key) => large.has(key))).toBe(true);
    expect(sampleOf(keys, same, 0.000001, 'a')).toHaveLength(1);
    expect(sampleOf(keys, same, 100, 'a')).toEqual(keys);
    expect(sampleOf([], same, 5, 'a')).toEqual([]);
  });

  it('of more than there is room for stays within the limits, and even', () => {
    const bounded = new BoundedSample(50, 'a', { items: 100, bytes: 1e9 });
    for (const key of keys) bounded.add({ key, bytes: 1 });
    const chosen = bounded.keys();
    expect(chosen.length).toBeLessThanOrEqual(100);
    expect(chosen.length).toBeGreaterThan(30);
    expect(chosen.filter((key) => Number(key.slice(7)) < 5000).length).toBeGreaterThan(chosen.length / 4);
    const byBytes = new BoundedSample(100, 'a', { items: 1e6, bytes: 50 });
    for (const key of keys) byBytes.add({ key, bytes: 1 });
    expect(byBytes.keys().length).toBeLessThanOrEqual(50);
  });

  it('has one that fits, where the share is too small for any', () => {
    const bounded = new BoundedSample(1e-9, 'a', { items: 10, bytes: 5 });
    for (const key of ['too-large', 'fits']) bounded.add({ key, bytes: key === 'fits' ? 5 : 6 });
    expect(bounded.keys()).toEqual(['fits']);
  });
});
