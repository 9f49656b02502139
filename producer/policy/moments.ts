import type { EventKind, ScheduleConfig } from '../../shared/config/config.js';
import { lastTime, nextTime } from '../../shared/config/cron.js';

type Clock = Pick<ScheduleConfig, 'timezone' | 'startOfDay' | 'startOfHour'>;

/** When an event comes next after `afterMs`, its last coming or, for one that has never come, any time (pure). All ms since the epoch. */
export function nextEvent(kind: EventKind, schedule: Clock & Pick<ScheduleConfig, 'events'>, afterMs: number): number {
  const moment = schedule.events[kind];
  return moment.kind === 'every' ? afterMs + moment.ms : nextTime(patternOf(moment, schedule), schedule.timezone, afterMs);
}

/** When the day of backups that holds `atMs` began. Days of 23 or 25 hours are days too. */
export function dayStart(schedule: Clock, atMs: number): number {
  return lastTime(patternOf({ kind: 'startOfDay' }, schedule), schedule.timezone, atMs);
}

/** When the day after it begins. */
export function nextDay(schedule: Clock, atMs: number): number {
  return nextTime(patternOf({ kind: 'startOfDay' }, schedule), schedule.timezone, atMs);
}

function patternOf(moment: Exclude<ScheduleConfig['events'][EventKind], { kind: 'every' }>, { startOfDay, startOfHour }: Clock): string {
  if (moment.kind === 'cron') return moment.pattern;
  if (moment.kind === 'startOfHour') return `${startOfHour} * * * *`;
  return `${startOfDay % 60} ${Math.floor(startOfDay / 60)} * * *`;
}
