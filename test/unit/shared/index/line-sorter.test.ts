import { expect, it } from 'vitest';
import { LineSorter } from '../../../../shared/index/line-sorter.js';
import { workspace } from '../../../helpers/workspace.js';
import { collect } from './make-record.js';

/** Bytes of all values but NUL, with common beginnings. */
function someLines(count: number): string[] {
  let seed = 7;
  const next = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648);
  return Array.from({ length: count }, () => Array.from({ length: (next() % 9) + 1 }, () => String.fromCharCode([47, 46, 10, 255, 97, 32][next() % 6] as number)).join(''));
}

it.each([['in memory', 1e9], ['by sort', 100]])('sorts in byte order %s', async (_, memoryBytes) => {
  const lines = someLines(3000);
  const sorter = new LineSorter({ tempDir: await workspace(), memoryBytes });
  for (const line of lines) {
    sorter.add(line);
    await sorter.drain();
  }
  expect(await collect(sorter.sorted())).toEqual([...lines].sort());
});

it('says that the sort was ended, and does not just end early', async () => {
  const stop = new AbortController();
  const sorter = new LineSorter({ tempDir: await workspace(), memoryBytes: 10, signal: stop.signal });
  for (let i = 0; i < 2000; i += 1) sorter.add(`line ${String(i * 7919).padStart(80)}`);
  await sorter.drain();
  stop.abort();
  await expect(collect(sorter.sorted())).rejects.toMatchObject({ code: 'SORT_FAILED' });
});

it('notices a line that got lost', async () => {
  const sorter = new LineSorter({ tempDir: await workspace() });
  sorter.addBytes(Buffer.from('a\0b\0'), 3);
  await expect(collect(sorter.sorted())).rejects.toMatchObject({ code: 'SORT_FAILED', detail: '3 lines went in, 2 came out' });
});
