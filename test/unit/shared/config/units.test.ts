import { describe, expect, it } from 'vitest';
import { formatSize, FormatError, parseDuration, parseRate, parseSize } from '../../../../shared/config/units.js';

describe('sizes', () => {
  it.each([
    ['32GiB', 32 * 2 ** 30],
    ['500 MB', 500_000_000],
    ['1.5TiB', 1.5 * 2 ** 40],
    ['4096', 4096],
    [4096, 4096],
    [0, 0],
    ['10kB', 10_000],
    ['1PiB', 2 ** 50],
    ['7B', 7],
  ])('%s is %d bytes', (raw, bytes) => {
    expect(parseSize(raw)).toBe(bytes);
  });

  it.each(['32G', '32Gb', '32 gib', '-1', -1, 1.5, '1e9', '', 'GiB', '1 2GiB', true, null, '99999999PiB', 2 ** 60, '32GiB/s', 'constructor', '1constructor'])('%s is refused, naming what is taken', (raw) => {
    expect(() => parseSize(raw)).toThrow(/KiB, MiB, GiB, TiB, PiB/);
    expect(() => parseSize(raw)).toThrow(FormatError);
  });
});

describe('durations', () => {
  it.each([
    ['60s', 60_000],
    ['15m', 900_000],
    ['12h', 43_200_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
  ])('%s is %d ms', (raw, ms) => {
    expect(parseDuration(raw)).toBe(ms);
  });

  it.each(['30', 30, '1 hour', '1M', '0s', '-1d', '', null, '32GiB'])('%s is refused: nobody can tell its unit', (raw) => {
    expect(() => parseDuration(raw)).toThrow(/with ms, s, m, h, d or w/);
  });
});

describe('rates', () => {
  it.each([
    ['200MB/s', 200_000_000],
    ['1 GiB/s', 2 ** 30],
  ])('%s is %d bytes per second', (raw, rate) => {
    expect(parseRate(raw)).toBe(rate);
  });

  it.each(['200MB', '200/s', 200, '200Mbit/s', '200MB/h', '0MB/s'])('%s is refused', (raw) => {
    expect(() => parseRate(raw)).toThrow(/200MB\/s/);
  });
});

it('shows sizes in the largest unit', () => {
  expect([0, 500, 1024, 32 * 2 ** 30, 1.5 * 2 ** 40].map(formatSize)).toEqual(['0B', '500B', '1KiB', '32GiB', '1.5TiB']);
});
