import { bytesInBundle } from '../../../shared/bundle/lay-out.js';
import { chooseBundle, type WaitingPart } from '../../../shared/bundle/choose-bundle.js';
import { SNAPSHOTS_KEPT } from '../../../shared/bundle/snapshots.js';
import type { CaseOptions, CaseResult } from '../result.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const GB = 1e9;
const SLICE_BYTES = 32 * 2 ** 30;
const LIMITS = { minBytes: 10 * GB, maxWaitMs: HOUR_MS };
const MOST_OBJECTS = 1_000_000;

interface Site {
  readonly basepaths: number;
  readonly days: number;
  readonly hosts: number;
  /** Backups of a day begin evenly within this time. */
  readonly nightMs: number;
  /** A full every so many days, evenly over them. */
  readonly fullEvery: number;
}

/** What a day of a basepath changes: every 100th much, every 10th some, the others little; a full has 200 times as much. */
function dataBytes(basepath: number, isFull: boolean): number {
  const changed = basepath % 100 === 0 ? 50 * GB : basepath % 10 === 0 ? GB / 2 : GB / 200;
  return isFull ? changed * 200 : changed;
}

/** Index, manifest, archives.tsv, SHA512SUMS, log, isolated catalogue. */
const OWN_FILES = 6;

function ownBytes(data: number): number {
  return 50_000 + data / 2_000;
}

/** Slices of a backup: of its data, and of the two small archives beside them (removals, the directory's own metadata). */
function slicesOf(data: number): number[] {
  const whole = Math.floor(data / SLICE_BYTES);
  return [...Array.from({ length: whole }, () => SLICE_BYTES), data - whole * SLICE_BYTES, 1_500, 1_500];
}

/** Parts that wait for one bundle after the other, as the product decides it. */
class Pool {
  closed = 0;
  #waiting: WaitingPart[] = [];
  #bytes = 0;

  /** Bundles whose time came before this part are closed first. */
  add(bytes: number, sinceMs: number): void {
    this.tick(sinceMs);
    this.#waiting.push({ bytes, sinceMs });
    this.#bytes += bytesInBundle(bytes);
    if (this.#bytes >= LIMITS.minBytes) this.tick(sinceMs);
  }

  tick(nowMs: number): void {
    const due = (this.#waiting[0]?.sinceMs ?? Infinity) + LIMITS.maxWaitMs;
    if (this.#bytes < LIMITS.minBytes && due > nowMs) return;
    const choice = chooseBundle(this.#waiting, LIMITS, nowMs, false);
    if (choice.close === null) return;
    this.closed += 1;
    this.#waiting = this.#waiting.slice(choice.close.length);
    this.#bytes = this.#waiting.reduce((sum, { bytes }) => sum + bytesInBundle(bytes), 0);
  }
}

interface Counts {
  plain: number;
  /** With minObject. */
  alone: number;
  bundles: number;
  meta: number;
}

function simulate({ basepaths, days, hosts, nightMs, fullEvery }: Site): Counts {
  const pools = Array.from({ length: hosts }, () => new Pool());
  const meta = new Pool();
  const counts: Counts = { plain: 0, alone: 0, bundles: 0, meta: 0 };
  for (let day = 0; day < days; day++) {
    for (let basepath = 0; basepath < basepaths; basepath++) {
      const atMs = day * DAY_MS + Math.floor((basepath / basepaths) * nightMs);
      const data = dataBytes(basepath, (day + basepath) % fullEvery === 0);
      const slices = slicesOf(data);
      const small = slices.filter((bytes) => bytes < LIMITS.minBytes);
      counts.plain += slices.length + OWN_FILES;
      counts.alone += slices.length - small.length;
      for (const bytes of small) pools[basepath % hosts]?.add(bytes, atMs);
      meta.add(ownBytes(data), atMs + LIMITS.maxWaitMs);
    }
  }
  for (const pool of [...pools, meta]) pool.tick(Infinity);
  return { ...counts, bundles: pools.reduce((sum, { closed }) => sum + closed, 0), meta: meta.closed };
}

/** How many objects a year makes in each LTS, by the very functions that decide it, of a stated size model. */
export function objects({ quick, say }: CaseOptions): Promise<CaseResult> {
  const site: Site = { basepaths: 5_000, days: quick ? 30 : 365, hosts: 28, nightMs: 8 * HOUR_MS, fullEvery: 30 };
  const { plain, alone, bundles, meta } = simulate(site);
  const total = alone + bundles + meta + SNAPSHOTS_KEPT;
  const number = (value: number): string => value.toLocaleString('en-US');
  say(`${number(plain)} objects in an LTS without minObject, ${number(total)} in one with it: ${number(alone)} slices, ${number(bundles)} bundles of small ones, ${number(meta)} of metadata`);
  return Promise.resolve({
    name: 'objects',
    data: `${number(site.basepaths)} basepaths x ${String(site.days)} days on ${String(site.hosts)} hosts, backups in 8 h of each night; a day changes 50 GB in every 100th, 500 MB in every 10th, 5 MB in the others, a full every 30 days has 200 times as much`,
    how: `simulated with the product's own decisions; slices of 32 GiB, minObject 10 GB, maxWait 1h; ${String(OWN_FILES)} files that describe a backup`,
    rows: [
      { what: 'objects of an LTS without minObject', product: number(plain), baseline: '-', measured: number(plain), runs: '-', target: '-', met: null },
      { what: 'objects of an LTS with it', product: number(total), baseline: number(plain), measured: (total / plain).toFixed(3), runs: '-', target: `< ${number(MOST_OBJECTS)}`, met: total < MOST_OBJECTS },
      { what: 'of these, slices that are big enough alone', product: number(alone), baseline: '-', measured: number(alone), runs: '-', target: '-', met: null },
      { what: 'of these, bundles', product: number(bundles + meta), baseline: '-', measured: number(bundles + meta), runs: '-', target: '-', met: null },
    ],
    phases: [],
    steps: [],
    notes: ['Nothing is removed within the time: retention makes it less.'],
  });
}
