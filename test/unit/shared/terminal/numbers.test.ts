import { describe, expect, it } from 'vitest';
import { formatAge, formatByteRate, formatBytes, formatCount, formatCountRate, formatDuration } from '../../../../shared/terminal/index.js';

const SECOND = 1000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

describe('numbers', () => {
  it.each([
    [0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [10_188, '9.9 KiB'], [10_189, '10 KiB'], [1_503_238_554, '1.4 GiB'],
    [1024 ** 2 - 1, '1.0 MiB'], [1023 * 1024, '1023 KiB'], [13_194_139_533_312, '12 TiB'],
    [2n ** 63n, '8.0 EiB'], [5000n * 2n ** 60n, '5000 EiB'],
  ])('bytes %s: %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0'], [999, '999'], [1000, '1,000'], [12_345, '12,345'], [1_234_567, '1,234,567'], [-1234, '-1,234'],
    [2n ** 60n, '1,152,921,504,606,846,976'],
  ])('count %s: %s', (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  it.each([
    [0, '0 ms'], [999.7, '999 ms'], [1000, '1.0 s'], [4_290, '4.2 s'], [9_999, '9.9 s'], [42_900, '42 s'], [59_999, '59 s'],
    [60_000, '1m 00s'], [185_000, '3m 05s'], [HOUR, '1h 00m'], [2 * HOUR + 599_000, '2h 09m'], [DAY, '1d 0h'], [9.2 * DAY, '9d 4h'],
  ])('duration %s ms: %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('rates are per second, and nothing where no time has passed', () => {
    expect(formatByteRate(50 * 1024 ** 2, 500)).toBe('100 MiB/s');
    expect(formatByteRate(1, 0)).toBe('-');
    expect(formatCountRate(2468, 2000)).toBe('1,234/s');
    expect(formatCountRate(2, 5000)).toBe('0.4/s');
    expect(formatCountRate(0, 5000)).toBe('0/s');
    expect(formatCountRate(5, 0)).toBe('-');
  });

  it.each([
    [0, 'now'], [42 * SECOND, '42 s ago'], [119 * SECOND, '119 s ago'], [120 * SECOND, '2 min ago'], [1.5 * HOUR, '90 min ago'],
    [3.9 * HOUR, '3 h ago'], [47 * HOUR, '47 h ago'], [12 * DAY, '12 d ago'], [-3 * HOUR, 'in 3 h'],
  ])('age %s ms: %s', (ageMs, text) => {
    expect(formatAge(1e12 - ageMs, 1e12)).toBe(text);
  });
});
