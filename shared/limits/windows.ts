/** A time of day, minutes after midnight; `to` before `from` reaches into the next day. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;

/** `18:00-08:00`; null when it is not a window. A window that begins when it ends would be open always, or never. */
export function parseWindow(text: string): Window | null {
  const [, ...found] = /^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$/.exec(text.trim()) ?? [];
  const [fromHour = NaN, fromMinute = NaN, toHour = NaN, toMinute = NaN] = found.map(Number);
  const window = { from: fromHour * 60 + fromMinute, to: toHour * 60 + toMinute };
  const good = fromHour <= 23 && fromMinute <= 59 && toMinute <= 59 && window.to <= DAY_MINUTES && window.from !== window.to;
  return good ? window : null;
}

export function showWindow({ from, to }: Window): string {
  const clock = (minutes: number): string => `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
  return `${clock(from)}-${clock(to)}`;
}

/**
 * How long until one of these windows is open by the clocks of a time zone, ms; 0 = it is (pure). No window at all: always open. Across a change of the clocks
 * it is an hour off: whoever waits looks again.
 */
export function opensInMs(windows: readonly Window[], timeZone: string, nowMs: number): number {
  if (windows.length === 0) return 0;
  const minutes = minutesOfDay(timeZone, nowMs);
  const inside = ({ from, to }: Window): boolean => (from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to);
  if (windows.some(inside)) return 0;
  const wait = Math.min(...windows.map(({ from }) => (from - minutes + DAY_MINUTES) % DAY_MINUTES));
  return wait * MINUTE_MS - (nowMs % MINUTE_MS);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function minutesOfDay(timeZone: string, ms: number): number {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  formats.set(timeZone, format);
  const [hour = 0, minute = 0] = format.format(ms).split(':').map(Number);
  return hour * 60 + minute;
}
