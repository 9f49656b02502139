import type { Instruments, Sample } from './instruments.js';

/** One basepath, as catalog and policy know it. Times in milliseconds since the epoch, null = never. */
export interface BasepathAge {
  readonly topdir: string;
  readonly basepathId: string;
  readonly lastSealedAt: number | null;
  readonly lastFullAt: number | null;
  readonly pastDue: boolean;
  /** Last successful restore drill. */
  readonly lastProvenAt: number | null;
  /** The last verification found damage. */
  readonly damaged: boolean;
}

export type BasepathAges = Iterable<BasepathAge> | AsyncIterable<BasepathAge>;

interface TopdirAges {
  basepaths: number;
  neverSealed: number;
  pastDue: number;
  oldestSealedAt: number | null;
  newestSealedAt: number | null;
  oldestFullAt: number | null;
  neverProven: number;
  oldestProvenAt: number | null;
  damaged: number;
}

export interface AgeSummary {
  readonly topdirs: ReadonlyMap<string, Readonly<TopdirAges>>;
  /** Empty unless asked for. */
  readonly basepaths: readonly { readonly topdir: string; readonly basepath: string; readonly sealedAt: number }[];
}

/** Folds a stream of basepaths into one line per topdir; memory grows with topdirs only, unless perBasepath. */
export async function summarizeAges(ages: BasepathAges, perBasepath: boolean): Promise<AgeSummary> {
  const topdirs = new Map<string, TopdirAges>();
  const basepaths: AgeSummary['basepaths'][number][] = [];
  for await (const age of ages) {
    count(topdirOf(topdirs, age.topdir), age);
    if (perBasepath && age.lastSealedAt !== null) {
      basepaths.push({ topdir: age.topdir, basepath: age.basepathId, sealedAt: age.lastSealedAt });
    }
  }
  return { topdirs, basepaths };
}

/** Writes a summary as ages at `nowMs` (since the epoch). A topdir without any sealed backup has counts but no ages. */
export function publishAges(to: Instruments, { topdirs, basepaths }: AgeSummary, nowMs: number): void {
  const each = (value: (ages: Readonly<TopdirAges>) => number | null): Sample<{ readonly topdir: string }>[] =>
    [...topdirs].flatMap(([topdir, ages]) => {
      const found = value(ages);
      return found === null ? [] : [{ labels: { topdir }, value: found }];
    });
  const age = (at: number | null): number | null => (at === null ? null : ageSeconds(nowMs, at));
  const last = each((ages) => age(ages.oldestSealedAt));
  to.replace('bw_basepaths', each((ages) => ages.basepaths));
  to.replace('bw_basepaths_never_sealed', each((ages) => ages.neverSealed));
  to.replace('bw_basepaths_past_due', each((ages) => ages.pastDue));
  to.replace('bw_last_sealed_age_seconds', last);
  to.replace('bw_last_full_age_seconds', each((ages) => age(ages.oldestFullAt)));
  to.replace('bw_newest_sealed_age_seconds', each((ages) => age(ages.newestSealedAt)));
  to.replace('bw_basepaths_never_proven', each((ages) => ages.neverProven));
  to.replace('bw_last_proven_age_seconds', each((ages) => age(ages.oldestProvenAt)));
  to.replace('bw_basepaths_damaged', each((ages) => ages.damaged));
  const oldest = last.reduce<number | null>((most, { value }) => Math.max(most ?? 0, value), null);
  to.replace('bw_oldest_sealed_age_seconds', oldest === null ? [] : [{ labels: {}, value: oldest }]);
  to.replace(
    'bw_basepath_last_sealed_age_seconds',
    basepaths.map(({ topdir, basepath, sealedAt }) => ({ labels: { topdir, basepath }, value: ageSeconds(nowMs, sealedAt) })),
  );
}

function count(sums: TopdirAges, { lastSealedAt, lastFullAt, pastDue, lastProvenAt, damaged }: BasepathAge): void {
  sums.basepaths += 1;
  if (lastSealedAt === null) sums.neverSealed += 1;
  if (pastDue) sums.pastDue += 1;
  if (lastProvenAt === null) sums.neverProven += 1;
  if (damaged) sums.damaged += 1;
  sums.oldestProvenAt = pick(Math.min, sums.oldestProvenAt, lastProvenAt);
  sums.oldestSealedAt = pick(Math.min, sums.oldestSealedAt, lastSealedAt);
  sums.newestSealedAt = pick(Math.max, sums.newestSealedAt, lastSealedAt);
  sums.oldestFullAt = pick(Math.min, sums.oldestFullAt, lastFullAt);
}

function topdirOf(topdirs: Map<string, TopdirAges>, topdir: string): TopdirAges {
  const known = topdirs.get(topdir);
  if (known !== undefined) return known;
  const fresh = { basepaths: 0, neverSealed: 0, pastDue: 0, oldestSealedAt: null, newestSealedAt: null, oldestFullAt: null, neverProven: 0, oldestProvenAt: null, damaged: 0 };
  topdirs.set(topdir, fresh);
  return fresh;
}

function pick(choose: (a: number, b: number) => number, a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : choose(a, b);
}

/** Never negative: hosts' clocks differ by a little. */
function ageSeconds(nowMs: number, atMs: number): number {
  return Math.max(0, nowMs - atMs) / 1000;
}
