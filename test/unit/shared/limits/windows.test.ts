import { describe, expect, it } from 'vitest';
import { opensInMs, parseWindow, showWindow } from '../../../../shared/limits/windows.js';

const HOUR_MS = 3_600_000;
const at = (time: string): number => Date.parse(`2026-06-03T${time}Z`);
const windows = (...texts: string[]) => texts.map((text) => parseWindow(text) ?? expect.unreachable(text));

describe('windows of the day', () => {
  it.each(['18:00-08:00', '00:00-24:00', '09:05-17:30'])('%s is one', (text) => {
    const window = parseWindow(text);
    expect(window === null ? null : showWindow(window)).toBe(text);
  });

  it.each(['', '18:00', '18-08', '24:00-08:00', '08:00-08:00', '08:60-09:00', '08:00-24:30', 'mon 08:00-09:00'])('%j is none', (text) => {
    expect(parseWindow(text)).toBeNull();
  });

  it.each([
    ['always, without any', [], '12:00:00', 0],
    ['inside', ['18:00-08:00'], '18:00:00', 0],
    ['after midnight', ['18:00-08:00'], '07:59:59', 0],
    ['at its end', ['18:00-08:00'], '08:00:00', 10 * HOUR_MS],
    ['a moment before it opens', ['18:00-08:00'], '17:59:59', 1000],
    ['the nearest of several', ['22:00-23:00', '12:00-13:00'], '11:30:00', HOUR_MS / 2],
    ['the next day', ['01:00-02:00'], '23:00:00', 2 * HOUR_MS],
  ])('%s', (_what, texts, time, expected) => {
    expect(opensInMs(windows(...texts), 'UTC', at(time))).toBe(expected);
  });

  it('goes by the clocks of the time zone', () => {
    expect(opensInMs(windows('18:00-08:00'), 'Europe/Berlin', at('16:00:00'))).toBe(0);
    expect(opensInMs(windows('18:00-08:00'), 'Europe/Berlin', at('15:30:00'))).toBe(HOUR_MS / 2);
  });
});
