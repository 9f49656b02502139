import type { ScheduleConfig } from '../../shared/config/config.js';
import { formatBytes } from '../../shared/terminal/index.js';
import { hasFull, type BasepathNow } from './basepath-now.js';
import { placeOf } from './full-share.js';
import { enqueueFull, hold, type Verdict } from './verdict.js';

export interface NewInput {
  readonly basepaths: readonly BasepathNow[];
  readonly allowed: (basepath: BasepathNow) => boolean;
  readonly dayMs: number;
  readonly maxNewFulls: ScheduleConfig['maxNewFulls'];
  /** When the newest full of a basepath was enqueued, ms since the epoch; of those that have one. */
  readonly enqueuedAtMs: (backupId: string) => number;
}

/** First fulls: at once, as many a day as schedule.maxNewFulls admits, in the order of a hash of their ids (pure). */
export function newFulls(input: NewInput): Map<string, Verdict> {
  const admitted = admittedToday(input);
  const open = input.basepaths.filter((each) => !hasFull(each.facts) && each.full === null);
  const verdicts = new Map<string, Verdict>();
  for (const each of open.sort(byPlace)) {
    const full = input.allowed(each) ? limitReached(admitted, input.maxNewFulls) : null;
    if (!input.allowed(each)) verdicts.set(each.basepathId, hold('full', 'no sealed full'));
    else if (full !== null) verdicts.set(each.basepathId, hold('full', `no sealed full; ${full}`));
    else {
      verdicts.set(each.basepathId, enqueueFull('no sealed full'));
      admitted.count += 1;
      admitted.bytes += admitted.meanBytes;
    }
  }
  return verdicts;
}

interface Admitted {
  count: number;
  bytes: number;
  /** Nobody knows the size of what was never looked at: it is taken to be as large as others are. */
  readonly meanBytes: number;
}

function admittedToday({ basepaths, dayMs, enqueuedAtMs }: NewInput): Admitted {
  const sizes = basepaths.flatMap(({ facts }) => (facts === null ? [] : [facts.sourceBytes]));
  const meanBytes = sizes.length === 0 ? 0 : sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const admitted = { count: 0, bytes: 0, meanBytes };
  for (const { facts, full } of basepaths) {
    const sealed = facts?.full ?? null;
    const running = sealed === null && full !== null && full.enqueuedAtMs >= dayMs;
    const done = sealed !== null && sealed.first && enqueuedAtMs(sealed.backupId) >= dayMs;
    if (!running && !done) continue;
    admitted.count += 1;
    admitted.bytes += done ? sealed.sourceBytes : (full?.bytes ?? meanBytes);
  }
  return admitted;
}

function limitReached({ count, bytes }: Admitted, max: ScheduleConfig['maxNewFulls']): string | null {
  if (max.count !== null && count >= max.count) return `${max.count} first fulls are enqueued today (maxNewFulls.count)`;
  if (max.bytes !== null && bytes >= max.bytes) return `first fulls of today come to ${formatBytes(bytes)} (maxNewFulls.size ${formatBytes(max.bytes)})`;
  return null;
}

function byPlace(a: BasepathNow, b: BasepathNow): number {
  return placeOf(a.basepathId) - placeOf(b.basepathId) || (a.basepathId < b.basepathId ? -1 : 1);
}
