import { describe, expect, it } from 'vitest';
import type { ScheduleConfig } from '../../../../shared/config/config.js';
import { dayStart, nextDay, nextEvent } from '../../../../producer/policy/moments.js';
import { SCHEDULE } from './samples.js';

const BERLIN = { ...SCHEDULE, timezone: 'Europe/Berlin', startOfDay: 20 * 60, startOfHour: 5 };
const at = (text: string): number => Date.parse(text);
const told = (ms: number): string => new Date(ms).toISOString();
const scanAt = (moment: ScheduleConfig['events']['scan'], after: string): string => told(nextEvent('scan', { ...BERLIN, events: { ...BERLIN.events, scan: moment } }, at(after)));

describe('moments', () => {
  it.each([
    [{ kind: 'every', ms: 5_400_000 } as const, '2026-06-01T10:00:00.000Z', '2026-06-01T11:30:00.000Z'],
    [{ kind: 'startOfHour' } as const, '2026-06-01T10:00:00.000Z', '2026-06-01T10:05:00.000Z'],
    [{ kind: 'startOfHour' } as const, '2026-06-01T10:05:00.000Z', '2026-06-01T11:05:00.000Z'],
    [{ kind: 'startOfDay' } as const, '2026-06-01T10:00:00.000Z', '2026-06-01T18:00:00.000Z'],
    [{ kind: 'cron', pattern: '30 22 * * 1-5' } as const, '2026-06-05T21:00:00.000Z', '2026-06-08T20:30:00.000Z'],
  ])('%j after %s comes at %s', (moment, after, next) => {
    expect(scanAt(moment, after)).toBe(next);
  });

  it('follow the clocks of the time zone when they are changed', () => {
    expect(scanAt({ kind: 'startOfDay' }, '2026-03-28T19:00:00.000Z')).toBe('2026-03-29T18:00:00.000Z');
    expect(scanAt({ kind: 'startOfDay' }, '2026-10-24T18:00:00.000Z')).toBe('2026-10-25T19:00:00.000Z');
  });

  it('know the day of backups, which begins in the evening here', () => {
    expect(told(dayStart(BERLIN, at('2026-06-02T17:59:00Z')))).toBe('2026-06-01T18:00:00.000Z');
    expect(told(dayStart(BERLIN, at('2026-06-02T18:00:00Z')))).toBe('2026-06-02T18:00:00.000Z');
    expect(told(nextDay(BERLIN, at('2026-06-02T18:00:00Z')))).toBe('2026-06-03T18:00:00.000Z');
  });
});
