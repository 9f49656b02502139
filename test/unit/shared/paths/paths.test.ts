import { describe, expect, it } from 'vitest';
import { readRoot, relativeToTopdir } from '../../../../shared/paths/basepath-root.js';
import { bytePath, showPath, unshowPath, utf8OrNull } from '../../../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../../../shared/paths/path-json.js';

const bytes = (...values: number[]): ReturnType<typeof bytePath.fromBuffer> => bytePath.fromBuffer(Buffer.from(values));

describe('byte paths', () => {
  it('keep every byte there and back', () => {
    const all = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1));
    expect(bytePath.toBuffer(bytePath.fromBuffer(all))).toEqual(all);
  });

  it('travel through JSON as text where they are UTF-8, as base64 where not', () => {
    expect(toPathJson(bytePath.fromText('/u/é'))).toBe('/u/é');
    const odd = bytes(0x2f, 0xff, 0x61);
    expect(toPathJson(odd)).toEqual({ b64: 'L/9h' });
    expect(fromPathJson(toPathJson(odd))).toBe(odd);
  });

  it('are shown on one line whatever they hold', () => {
    expect(showPath(bytePath.fromText('a\nb\r'))).toBe('a\\x0ab\\x0d');
    expect(showPath(bytes(0x61, 0xff))).toBe('a\\xff');
    expect(showPath(bytePath.fromText('tab\there\u2028'))).toBe('tab\\x09here\\u2028');
    expect(utf8OrNull(bytes(0xff))).toBeNull();
  });

  it('can be typed as they are shown', () => {
    for (const path of [bytePath.fromText('a\nb\r\\x'), bytes(0x61, 0xff, 0xc3, 0x28), bytePath.fromText('caf\u00e9 \\'), bytePath.fromText('plain')]) expect(unshowPath(showPath(path))).toBe(path);
  });
});

describe('relativeToTopdir', () => {
  const topdir = { path: '/u/staff', readFrom: '/snap/now/staff', depth: 2 };

  it('takes exactly the configured depth and reads from the snapshot', () => {
    expect(relativeToTopdir(topdir, bytePath.fromText('/u/staff/a/b'))).toBe('a/b');
    expect(readRoot(topdir, bytePath.fromText('/u/staff/a/b'))).toBe('/snap/now/staff/a/b');
  });

  it.each(['/u/staff', '/u/staff/a', '/u/staff/a/b/c', '/u/staff2/a/b', '/u/staff/../x', '/u/staff/a/..', '/u/staff//b', 'a/b'])(
    'refuses %s',
    (path) => {
      expect(() => relativeToTopdir(topdir, bytePath.fromText(path))).toThrow(expect.objectContaining({ code: 'PATH_OUTSIDE_TOPDIR' }));
    },
  );
});
