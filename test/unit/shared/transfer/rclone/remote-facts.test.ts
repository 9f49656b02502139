import { describe, expect, it } from 'vitest';
import { factsOf, typeOfRemote, type Features } from '../../../../../shared/transfer/rclone/facts.js';
import { parseEntry } from '../../../../../shared/transfer/rclone/listing.js';
import { directoryOf, isUnfinished, madeAt, newPartDirectory, partPrefix } from '../../../../../shared/transfer/rclone/part-names.js';
import { CopyProgress } from '../../../../../shared/transfer/rclone/progress.js';
import { parseMessages } from '../../../../../shared/transfer/rclone/messages.js';

const features = (hashes: string[], more: Partial<Features['Features']> = {}): Features => ({
  Name: 'r', Hashes: hashes, Features: { About: true, BucketBased: false, Copy: false, Move: true, ...more },
});

describe('a remote', () => {
  it.each<[string, Features, string, object]>([
    ['local', features(['md5', 'sha1', 'whirlpool', 'sha256']), 'local', { hash: 'sha256', atomicPuts: false }],
    ['sftp', features(['md5', 'sha1']), 'sftp', { hash: 'sha1', atomicPuts: false }],
    ['sftp without a shell', features([]), 'sftp', { hash: null }],
    ['webdav, which keeps what the sender claimed', features(['md5', 'sha1']), 'webdav', { hash: null }],
    ['S3', features(['md5'], { BucketBased: true, Move: false, Copy: true }), 's3', { hash: null, atomicPuts: true, restore: true }],
    ['one that can only copy', features([], { Move: false, Copy: true }), 'mega', { atomicPuts: false, restore: false }],
  ])('%s', (_, found, type, expected) => {
    expect(factsOf(found, type, 'off')).toMatchObject(expected);
  });

  it('that would show halves is refused', () => {
    expect(() => factsOf(features([], { Move: false }), 'mailru', 'off')).toThrow(expect.objectContaining({ code: 'RCLONE_UNSUITABLE', retry: 'operator' }) as Error);
  });

  it('has a type by its name', () => {
    const listing = 'box:  alias\nbox2: local\ncloud: google cloud storage\n';
    expect(['box', 'box2', 'cloud', 'bo', ''].map((name) => typeOfRemote(listing, name))).toEqual(['alias', 'local', 'google cloud storage', null, null]);
  });

  it('is listed line by line', () => {
    expect(['[', ']', '', '{"Path":"a/b","Name":"b","Size":5,"ModTime":"","IsDir":false},'].map(parseEntry)).toEqual([null, null, null, { path: 'a/b', bytes: 5, isDirectory: false }]);
    expect(() => parseEntry('{"Path":"a/b"}')).toThrow();
    expect(() => parseEntry('no JSON')).toThrow();
  });
});

describe('unfinished objects', () => {
  it('lie beside their directory, under the key and the time', () => {
    const made = newPartDirectory('a/b', 'key', 1_700_000_000_000);
    expect(made).toMatch(/^a\/b\.part-key-loyw3v28-[0-9a-f]{8}$/);
    expect(made.startsWith(partPrefix('a/b', 'key'))).toBe(true);
    expect(madeAt(made)).toBe(1_700_000_000_000);
    expect(newPartDirectory('', 'key', 0)).toMatch(/^objects\.part-key-0-/);
    expect(['a/b', 'a/b.part-x', 'a-1-2'].map(madeAt)).toEqual([null, null, null]);
    expect([made, `${made}/c`, 'a/b/c', 'a/b.par/c'].map(isUnfinished)).toEqual([true, true, false, false]);
    expect(['a/b/c', 'a'].map(directoryOf)).toEqual(['a/b', '']);
  });
});

it('progress adds up, whatever rclone begins anew', () => {
  const seen: string[] = [];
  const objects = new Map([['p/a', { object: 'x/a', bytes: 100 }], ['p/b', { object: 'x/b', bytes: 0 }]]);
  const progress = new CopyProgress(objects, ({ object, bytes }) => seen.push(`${object} ${bytes}`));
  const stats = (bytes: number): string => `{"level":"info","msg":"","stats":{"transferring":[{"name":"p/a","bytes":${bytes}},{"name":"other","bytes":7}]}}`;
  const copied = (name: string): string => `{"level":"info","msg":"Copied (new)","object":"${name}"}`;
  for (const message of parseMessages([stats(10), stats(60), stats(5), stats(120), copied('p/a'), copied('p/b')].join('\n'))) progress.take(message);
  expect(seen).toEqual(['x/a 10', 'x/a 50', 'x/a 40']);
  expect([...progress.copied]).toEqual(['p/a', 'p/b']);
});
