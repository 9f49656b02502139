const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/** `0 B`, `1023 B`, `1.4 GiB`, `12 TiB`: one decimal below ten, none above. Takes totals above 2^53 as bigint. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  // 1023.5 would print as `1024 KiB`: that is the next unit's 1.0.
  while (Math.abs(value) >= (unit === 0 ? 1024 : 1023.5) && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(value) >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

/** `12,345`: exact, grouped by threes. */
export function formatCount(count: number | bigint): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `350 ms`, `4.2 s`, `42 s`, `3m 05s`, `2h 10m`, `9d 4h`: two units at most, always rounded down. */
export function formatDuration(durationMs: number): string {
  if (durationMs < SECOND) return `${Math.floor(durationMs)} ms`;
  if (durationMs < 10 * SECOND) return `${(Math.floor(durationMs / 100) / 10).toFixed(1)} s`;
  if (durationMs < MINUTE) return `${Math.floor(durationMs / SECOND)} s`;
  if (durationMs < HOUR) return twoUnits(durationMs, MINUTE, 'm', SECOND, 's');
  if (durationMs < DAY) return twoUnits(durationMs, HOUR, 'h', MINUTE, 'm');
  const hours = Math.floor((durationMs % DAY) / HOUR);
  return `${Math.floor(durationMs / DAY)}d ${hours}h`;
}

function twoUnits(durationMs: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((durationMs % big) / small);
  return `${Math.floor(durationMs / big)}${bigName} ${rest.toString().padStart(2, '0')}${smallName}`;
}

/** `12 MiB/s` of an amount moved in a time; `-` where no time has passed. */
export function formatByteRate(bytes: number, elapsedMs: number): string {
  return elapsedMs <= 0 ? '-' : `${formatBytes(Math.round((bytes * SECOND) / elapsedMs))}/s`;
}

/** `1,234/s`, `0.4/s`; `-` where no time has passed. */
export function formatCountRate(count: number, elapsedMs: number): string {
  if (elapsedMs <= 0) return '-';
  const perSecond = (count * SECOND) / elapsedMs;
  return `${perSecond >= 10 || perSecond === 0 ? formatCount(Math.round(perSecond)) : perSecond.toFixed(1)}/s`;
}

/** `now`, `42 s ago`, `3 h ago`, `12 d ago`; a time to come is `in 3 h`. The unit is the largest that gives at least 2. */
export function formatAge(atMs: number, nowMs: number): string {
  const distance = Math.abs(nowMs - atMs);
  if (distance < SECOND) return 'now';
  const text = largestUnit(distance);
  return nowMs >= atMs ? `${text} ago` : `in ${text}`;
}

/** From 2 of a unit on, so that 90 minutes are not told as `1 h`. */
function largestUnit(distanceMs: number): string {
  const units = [[DAY, 'd'], [HOUR, 'h'], [MINUTE, 'min']] as const;
  for (const [size, name] of units) {
    if (distanceMs >= 2 * size) return `${formatCount(Math.floor(distanceMs / size))} ${name}`;
  }
  return `${Math.floor(distanceMs / SECOND)} s`;
}
