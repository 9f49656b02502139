import { expect, it } from 'vitest';
import { laneOf } from '../../../../../shared/transfer/gridftp/gridftp-backend.js';
import { fileUrl, listText, remoteUrl } from '../../../../../shared/transfer/gridftp/urls.js';
import { inBatches } from '../../../../../shared/transfer/engine.js';

it('URLs are encoded, as globus-url-copy refuses raw ones', () => {
  expect(fileUrl('/a b/#%/ü"x\'')).toBe('file:///a%20b/%23%25/%C3%BC%22x%27');
  expect(remoteUrl({ scheme: 'gsiftp', host: 'grid.example.org', port: 2811 }, '/lts/a.1.dar', null)).toBe('gsiftp://grid.example.org:2811/lts/a.1.dar');
  expect(remoteUrl({ scheme: 'ftp', host: 'h', port: 21 }, '/x', { user: 'b@w', password: 'p:/ "w!(' })).toBe('ftp://b%40w:p%3A%2F%20%22w%21%28@h:21/x');
  expect(listText([{ from: '-', to: 'ftp://h:21/x' }, { from: 'file:///a', to: 'ftp://h:21/b' }])).toBe('"-" "ftp://h:21/x"\n"file:///a" "ftp://h:21/b"\n');
});

it('lanes keep neighbours together, and are not made for a few', () => {
  expect(laneOf([1, 2, 3], 2)).toEqual([[1, 2, 3]]);
  expect(laneOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2, 3, 4], [5]]);
  expect(laneOf(Array.from({ length: 11 }, (_, i) => i), 3).map((lane) => lane.length)).toEqual([4, 4, 3]);
  expect(laneOf([], 2)).toEqual([]);
});

it('batches end at so many items or bytes; what is bigger by itself is alone', () => {
  const batches = (sizes: number[], items: number, bytes: number): number[][] =>
    inBatches(sizes.map((size) => ({ object: 'o', file: '/f', bytes: size, sha512: '' })), { items, bytes }).map((batch) => batch.map((item) => item.bytes));
  expect(batches([1, 1, 1, 1, 1], 2, 100)).toEqual([[1, 1], [1, 1], [1]]);
  expect(batches([60, 40, 1, 500, 1, 1], 9, 100)).toEqual([[60, 40], [1], [500], [1, 1]]);
  expect(batches([5, 5], 1, 0)).toEqual([[5], [5]]);
  expect(batches([], 3, 3)).toEqual([]);
});
