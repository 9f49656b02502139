import { describe, expect, it } from 'vitest';
import { Cursor, lines, nulRecords } from '../../../../shared/compare/cursor.js';
import { parseDevice, parseEntry, parseHash, parseLink, parseXattrs } from '../../../../shared/compare/parse.js';

async function* each<T>(items: readonly T[]): AsyncGenerator<T, void> {
  for (const item of items) yield await Promise.resolve(item);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) taken.push(item);
  return taken;
}

const HASH = 'ab'.repeat(32);

describe('records of find, sha256sum and stat', () => {
  it('takes an entry with newline, slashes in the target and a negative time apart', () => {
    const entry = parseEntry('/top/a\n /b//l 7 0 -1.5000000000 777 0 12 1 x//y\n z', '/top/');
    expect(entry).toEqual({
      key: 'a\n /b//', path: 'a\n /b', type: 'l', size: '7', blocks: '0', mtime: '-1.5000000000', mode: '777', uid: '0', gid: '12', nlink: '1',
      target: 'x//y\n z',
    });
  });

  it('knows the root', () => {
    expect(parseEntry('/top//d 4096 8 1.0 755 0 0 2 ', '/top/')).toMatchObject({ key: '/', path: '.', type: 'd', target: '' });
  });

  it('takes names that look like fields', () => {
    expect(parseHash(`${HASH}  /top/- a\\\n`, '/top/')).toEqual({ key: '- a\\\n//', value: HASH });
    expect(parseDevice('8:1f /top/d 8:2', '/top/')).toEqual({ key: 'd 8:2//', value: '8:1f' });
    expect(parseLink('66:18446744073709551615 /top/1:2 x//', '/top/')).toEqual({ inode: '66:18446744073709551615', key: '1:2 x//' });
  });

  it('refuses what it does not understand', () => {
    const expected = expect.objectContaining({ code: 'COMPARE_OUTPUT' }) as Error;
    for (const broken of ['/top/a', '/top/a//f 1 2', '/top/a//f x 2 3.0 644 0 0 1 ']) {
      expect(() => parseEntry(broken, '/top/')).toThrow(expected);
    }
    expect(() => parseHash(`\\${HASH}  /top/a`, '/top/')).toThrow(expected);
    expect(() => parseDevice('8 /top/a', '/top/')).toThrow(expected);
    expect(() => parseLink('8:1 /top/a', '/top/')).toThrow(expected);
  });
});

describe('blocks of getfattr', () => {
  it('undoes its escapes and keeps names that look like blocks', async () => {
    const text = [
      '# file: /top/a\\012b\\134c\\015', 'user.o\\075dd=0x760a', 'user.empty=0x', 'user.none', '',
      '# file: /top/c=d # file: x', 'system.posix_acl_access=0x02', '',
    ];
    expect(await all(parseXattrs(each(text), '/top/'))).toEqual([
      { key: 'a\nb\\c\r//', value: new Map([['user.o=dd', '0x760a'], ['user.empty', '0x'], ['user.none', '0x']]) },
      { key: 'c=d # file: x//', value: new Map([['system.posix_acl_access', '0x02']]) },
    ]);
  });

  it('refuses a block without its end, and lines outside blocks', async () => {
    for (const broken of [['# file: /top/a', 'user.x=0x1'], ['user.x=0x1', '']]) {
      await expect(all(parseXattrs(each(broken), '/top/'))).rejects.toMatchObject({ code: 'COMPARE_OUTPUT' });
    }
  });
});

describe('streams', () => {
  it.each([1, 2, 3, 100])('cuts records and lines over chunks of %i bytes, bytes kept', async (size) => {
    const bytes = Buffer.from('a\0\0b\nc\xff\0rest', 'latin1');
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
    expect(await all(nulRecords(each(chunks)))).toEqual(['a', '', 'b\nc\xff', 'rest']);
    expect(await all(lines(each(chunks)))).toEqual(['a\0\0b', 'c\xff\0rest']);
  });

  it('joins by key, passing by what nobody asks for', async () => {
    const cursor = new Cursor(each(['a', 'c', 'd', 'f'].map((key) => ({ key }))));
    expect(await cursor.takeKey('b')).toBeNull();
    expect(await cursor.takeKey('c')).toEqual({ key: 'c' });
    expect(await cursor.takeKey('e')).toBeNull();
    expect(await cursor.takeKey('f')).toEqual({ key: 'f' });
    expect(await cursor.takeKey('g')).toBeNull();
  });
});
