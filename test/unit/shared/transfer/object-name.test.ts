import { describe, expect, it } from 'vitest';
import { assertObjectName, isPartName, partTag } from '../../../../shared/transfer/object-name.js';

describe('object names', () => {
  it.each(['a', 'alice-3f9a2c/01JD3Q5ZK4M8T1V7W2X9Y6B0CE/x.s0012-1-2ab.17.dar.sha512', '..a', 'a..b'])('accepts %s', (name) => {
    expect(() => { assertObjectName(name); }).not.toThrow();
  });

  it.each(['', '/', 'a/', '/a', 'a//b', '..', 'a/..', './a', 'a b', 'a\nb', 'a\0', 'é', 'a.part-x', 'x'.repeat(191)])('refuses %j', (name) => {
    expect(() => { assertObjectName(name); }).toThrow(expect.objectContaining({ code: 'OBJECT_NAME_INVALID', retry: 'permanent' }) as Error);
  });

  it('makes a short plain tag of any key, the same every time', () => {
    expect(partTag('01JD3Q5ZK4M8T1V7W2X9Y6B0CE')).toBe('01JD3Q5ZK4M8T1V7W2X9Y6B0CE');
    expect(partTag('a/../b:c')).toMatch(/^[0-9a-f]{32}$/);
    expect(partTag('a/../b:c')).toBe(partTag('a/../b:c'));
    expect(partTag('x'.repeat(1000))).not.toBe(partTag('x'.repeat(1001)));
    expect(isPartName(`b.1.dar.part-${partTag('k')}-00`)).toBe(true);
  });
});
