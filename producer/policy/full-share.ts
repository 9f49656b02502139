import { DAY_MS, hasFull, type BasepathNow } from './basepath-now.js';
import { mostOnTop } from './level.js';

/** Work is measured in days: what of a day's even share of all fulls, by bytes and by number, it comes to. */
export interface Load {
  readonly bytes: number;
  readonly count: number;
}

/** What of the fulls has been admitted on a day. */
export interface FullDay {
  /** When the day began, ms since the epoch. */
  readonly dayMs: number;
  readonly admitted: Load;
  /** From the days before: what they were short of their share, in days; negative: went beyond it. */
  readonly carried: number;
  /** How far the last one that was chosen may have gone beyond the share, days. */
  readonly rounded: number;
}

/** Cycles shorter than this are not spread: each full is made when it is due. */
export const LEAST_SPREAD_MS = 4 * DAY_MS;

/** A day's share is a little more than what would just do: fulls are chosen from the oldest, not the very oldest first, so that their sizes add up. */
const SHARE_OF_CYCLE = 0.93;

/** A full comes a day before it must, so that a day of outage, or one that was too short, makes nobody late. */
export function cycleMs(fullEveryMs: number): number {
  return fullEveryMs < LEAST_SPREAD_MS ? fullEveryMs : fullEveryMs - DAY_MS;
}

/**
 * When the next full of a basepath must be made at the latest, counted from its last: by age, or sooner where its chain reaches
 * maxDifferentialShare or maxChain before, if it goes on growing as it did so far. ms.
 */
export function expectedCycleMs({ facts, policy }: BasepathNow, ageMs: number): number {
  const byAge = cycleMs(policy.fullEveryMs);
  if (!hasFull(facts) || facts.chain.length === 0 || ageMs < DAY_MS) return byAge;
  const { length, archiveBytes } = facts.chain;
  const bySize = archiveBytes === 0 ? Infinity : (ageMs * mostOnTop(facts.full, policy)) / archiveBytes;
  return Math.max(Math.min(byAge, bySize, (ageMs * policy.maxChain) / length), DAY_MS);
}

/** The load of one basepath's full, for all of a topdir: loads add up to one per day. */
export function loadOf(basepaths: readonly BasepathNow[], nowMs: number): (basepath: BasepathNow) => Load {
  let bytesPerDay = 0;
  let fullsPerDay = 0;
  for (const basepath of basepaths) {
    const { facts } = basepath;
    if (!hasFull(facts)) continue;
    const cycleDays = (SHARE_OF_CYCLE * expectedCycleMs(basepath, nowMs - Date.parse(facts.full.capturedAt))) / DAY_MS;
    bytesPerDay += facts.sourceBytes / cycleDays;
    fullsPerDay += 1 / cycleDays;
  }
  return ({ facts }) => {
    const count = fullsPerDay === 0 ? 0 : 1 / fullsPerDay;
    return { count, bytes: bytesPerDay === 0 ? count : (facts?.sourceBytes ?? 0) / bytesPerDay };
  };
}

/**
 * The account of the day that began at `dayMs`. What a day was short of counts for the next, up to a day's share or the largest full, so that after an
 * outage no day does more than about two. What it did too much only counts as far as a full that was chosen did not fit: fulls that had to be made are
 * not made up for, or all would get as old as allowed.
 */
export function openDay(known: FullDay | null, dayMs: number, largest: Load): FullDay {
  const admitted = { bytes: 0, count: 0 };
  if (known === null) return { dayMs, admitted, carried: 0, rounded: 0 };
  const passed = Math.round((dayMs - known.dayMs) / DAY_MS);
  if (passed <= 0) return known;
  const left = known.carried + passed - amount(known.admitted);
  return { dayMs, admitted, carried: Math.min(Math.max(left, -known.rounded), Math.max(1, amount(largest))), rounded: 0 };
}

export function plus(a: Load, b: Load): Load {
  return { bytes: a.bytes + b.bytes, count: a.count + b.count };
}

export function minus(a: Load, b: Load): Load {
  return { bytes: a.bytes - b.bytes, count: a.count - b.count };
}

/** Bytes and number count alike: many small fulls take as long as few big ones. */
export function amount({ bytes, count }: Load): number {
  return (bytes + count) / 2;
}

/**
 * What does not move with the order of the listing, nor with the name's beginning: FNV-1a of the basepath's id, its bits mixed
 * (murmur3's last step), so that names in sequence do not follow each other. */
export function placeOf(basepathId: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < basepathId.length; at++) hash = Math.imul(hash ^ basepathId.charCodeAt(at), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
