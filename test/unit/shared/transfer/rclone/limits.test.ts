import { describe, expect, it, vi } from 'vitest';
import { questionMs, RCLONE_LIMITS } from '../../../../../shared/transfer/rclone/limits.js';
import { ownerOf } from '../../../../../shared/transfer/rclone/link-directory.js';
import { linesOf, StallWatch, unlessSilent } from '../../../../../shared/transfer/rclone/silence.js';

describe('how long rclone is waited for', () => {
  it.each<[string, Parameters<typeof questionMs>[1], number | null, number]>([
    ['one thing', {}, null, 300_000],
    ['a thousand names', { names: 1000 }, null, 1_300_000],
    ['100 GB that are hashed there', { names: 1, bytes: 100e9 }, null, 20_301_000],
    ['the same, read back through a limit of 1 MB/s', { names: 1, bytes: 100e9 }, 1e6, 100_301_000],
    ['a limit that is higher than what is expected', { bytes: 5e6 }, 1e9, 301_000],
  ])('%s', (_, question, rate, ms) => {
    expect(questionMs(RCLONE_LIMITS, question, rate)).toBe(ms);
  });
});

describe('output', () => {
  const never = new Promise<IteratorResult<Buffer>>(() => undefined);
  const output = (...chunks: string[]): AsyncIterable<Buffer> => ({
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const chunk = chunks.shift();
        if (chunk === 'silence') return never;
        return Promise.resolve(chunk === undefined ? { done: true, value: undefined } : { done: false, value: Buffer.from(chunk, 'latin1') });
      },
    }),
  });
  const read = async (from: AsyncIterable<unknown>): Promise<string[]> => {
    const found: string[] = [];
    for await (const each of from) found.push(String(each));
    return found;
  };

  it('is cut into lines, wherever it comes in pieces', async () => {
    expect(await read(linesOf(output('a\n', 'b', 'c\nd\xc3', '\xa4\n\n', 'e')))).toEqual(['a', 'bc', 'd\u00e4', '', 'e']);
    expect(await read(linesOf(output()))).toEqual([]);
  });

  it('that is silent for too long is not waited for', async () => {
    expect(await read(unlessSilent(output('a', 'b'), 1_000, () => new Error('silent')))).toEqual(['a', 'b']);
    await expect(read(unlessSilent(output('a', 'silence'), 5, () => new Error('silent')))).rejects.toThrow('silent');
  });

  it('that tells of no movement is a stall, once', () => {
    vi.useFakeTimers();
    try {
      const stalls: number[] = [];
      const watch = new StallWatch(100, () => { stalls.push(Date.now()); });
      vi.advanceTimersByTime(99);
      watch.moved();
      vi.advanceTimersByTime(99);
      expect([watch.isStalled, stalls.length]).toEqual([false, 0]);
      vi.advanceTimersByTime(1);
      watch.moved();
      vi.advanceTimersByTime(1000);
      expect([watch.isStalled, stalls.length]).toEqual([true, 1]);
      const ended = new StallWatch(100, () => { stalls.push(0); });
      ended.end();
      vi.advanceTimersByTime(1000);
      expect(stalls).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });
});

it('a directory of links tells by its name whose it is', () => {
  expect(ownerOf('bw-bkup-rclone-0123456789ab.4026531836-77-123456-aB3dE6')).toEqual({ realm: '0123456789ab.4026531836', pid: 77, startedAt: '123456' });
  expect(['bw-bkup-rclone-x', 'bw-bkup-rclone-0.-1-2-abc', 'bw-test-0.-1-2-abcdef'].map(ownerOf)).toEqual([null, null, null]);
  expect(ownerOf('bw-bkup-rclone-0.-1-2-abcdef')).toEqual({ realm: '0.', pid: 1, startedAt: '2' });
});
