import { describe, expect, it } from 'vitest';
import { childrenFirst, decideRetention, type RetainedBackup, type RetentionDecision, type RetentionFacts } from '../../../../producer/policy/retention.js';
import type { RetentionConfig } from '../../../../shared/config/config.js';

const DAY = 86_400_000;
const T0 = Date.parse('2026-01-01T02:00:00Z');
const NOTHING: RetentionConfig = {
  keepLast: null, keepWithinMs: null, keepDaily: null, keepWeekly: null, keepMonthly: null, keepYearly: null,
  timezone: 'UTC', deletedBasepathsMs: null, gracePeriodMs: 7 * DAY, maxRemoveShare: 0.2,
};

function facts(backups: readonly RetainedBackup[], more: Partial<RetentionFacts> = {}): RetentionFacts {
  return { backups, deletedAtMs: null, held: null, heldBackups: new Map(), accepted: new Set(), undeletedAtMs: new Map(), claims: new Map(), ...more };
}

const name = (day: number, level: string): string => `${level}-${String(day).padStart(3, '0')}`;

/** A full every `fullEvery` days, incrementals between, each with the one before as parent. */
function history(days: number, fullEvery: number, shrunk: readonly number[] = []): RetainedBackup[] {
  let before: string | null = null;
  return Array.from({ length: days }, (_, day) => {
    const level = day % fullEvery === 0 ? ('full' as const) : ('incremental' as const);
    const backupId = name(day, level === 'full' ? 'F' : 'i');
    const backup = { backupId, level, parent: level === 'full' ? null : before, capturedAtMs: T0 + day * DAY, shrunk: shrunk.includes(day) };
    before = backupId;
    return backup;
  });
}

function shown(decisions: readonly RetentionDecision[]): string {
  return decisions.map(({ backupId, keep, reasons }) => `${keep ? 'keep  ' : 'remove'} ${backupId}  ${reasons.join('; ')}\n`).join('');
}

const at = (day: number): number => T0 + day * DAY + DAY / 2;

describe('decideRetention: keep and remove with reasons (golden; renew with vitest -u)', () => {
  const fourWeeks = history(45, 7);
  const cases: [string, RetentionFacts, Partial<RetentionConfig>, number][] = [
    ['no-rule', facts(history(10, 5)), {}, 10],
    ['last', facts(history(12, 4)), { keepLast: 2 }, 12],
    ['within', facts(fourWeeks), { keepWithinMs: 10 * DAY }, 45],
    ['daily-weekly-monthly', facts(history(120, 30)), { keepDaily: 3, keepWeekly: 2, keepMonthly: 3 }, 120],
    ['yearly-fulls', facts(history(900, 1).filter((_, day) => day % 60 === 0)), { keepYearly: 2 }, 900],
    ['holds-claims-undeleted', facts(history(20, 5), {
      heldBackups: new Map([[name(2, 'i'), 'lawyers']]),
      claims: new Map([[name(6, 'i'), 'needed by restore 01R']]),
      undeletedAtMs: new Map([[name(11, 'i'), at(18)]]),
    }), { keepLast: 1 }, 20],
    ['basepath-held', facts(history(6, 3), { held: 'audit 2026' }), { keepLast: 1 }, 20],
    ['shrunk-not-accepted', facts(history(20, 5, [12])), { keepLast: 1 }, 20],
    ['shrunk-accepted', facts(history(20, 5, [12]), { accepted: new Set([name(12, 'i')]) }), { keepLast: 1 }, 20],
    ['shrunk-twice', facts(history(8, 1, [4, 5])), { keepLast: 1 }, 8],
    ['gone-in-time', facts(history(6, 3), { deletedAtMs: at(6) }), { keepLast: 1, deletedBasepathsMs: 30 * DAY }, 35],
    ['gone-for-ever', facts(history(6, 3), { deletedAtMs: at(6) }), { keepLast: 1 }, 3000],
    ['gone-time-over', facts(history(6, 3), { deletedAtMs: at(6) }), { keepLast: 1, deletedBasepathsMs: 30 * DAY }, 37],
    ['gone-time-over-held', facts(history(6, 3), { deletedAtMs: at(6), heldBackups: new Map([[name(4, 'i'), 'lawyers']]) }), { deletedBasepathsMs: 30 * DAY }, 37],
    ['week-long-full', facts([
      ...history(10, 20),
      { backupId: 'F-early', level: 'full', parent: null, capturedAtMs: T0 + 3 * DAY + 1, shrunk: false },
    ]), { keepLast: 1 }, 11],
  ];

  it.each(cases)('%s', async (title, given, policy, day) => {
    const decisions = decideRetention(given, { ...NOTHING, ...policy }, at(day));
    await expect(shown(decisions)).toMatchFileSnapshot(`./retention-golden/${title}.txt`);
  });

  it('an imported full covers nothing: the newest one of ours stays', () => {
    const full = (backupId: string, day: number, imported: boolean): RetainedBackup => ({ backupId, level: 'full', parent: null, capturedAtMs: T0 + day * DAY, shrunk: false, imported });
    const decisions = decideRetention(facts([full('old', 0, false), full('ours', 1, false), full('theirs', 2, true)]), { ...NOTHING, keepLast: 1 }, at(3));
    expect(decisions.map(({ backupId, keep }) => [backupId, keep])).toEqual([['theirs', true], ['ours', true], ['old', false]]);
  });

  it('takes days, and with them weeks, from the time zone', () => {
    // 23:30 and 00:30 in Berlin: two days there, one in UTC.
    const backups = ['2026-03-01T22:30:00Z', '2026-03-01T23:30:00Z'].map((time, i) => ({ backupId: `F${i}`, level: 'full' as const, parent: null, capturedAtMs: Date.parse(time), shrunk: false }));
    const kept = (timeZone: string): string[] =>
      decideRetention(facts(backups), { ...NOTHING, keepDaily: 2, timezone: timeZone }, at(80)).flatMap(({ keep, backupId }) => (keep ? [backupId] : []));
    expect(kept('UTC')).toEqual(['F1']);
    expect(kept('Europe/Berlin')).toEqual(['F1', 'F0']);
  });
});

/** mulberry32: the same histories at every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Random {
  readonly backups: RetainedBackup[];
  readonly given: RetentionFacts;
  readonly policy: RetentionConfig;
  readonly now: number;
}

function randomCase(seed: number): Random {
  const random = randomOf(seed);
  const upTo = (n: number): number => Math.floor(random() * n);
  const maybe = <T>(value: () => T): T | null => (random() < 0.4 ? value() : null);
  const backups: RetainedBackup[] = [];
  let time = T0;
  for (let i = 0, n = 1 + upTo(60); i < n; i++) {
    time += upTo(4 * DAY);
    const fulls = backups.filter(({ level }) => level === 'full');
    const kind = fulls.length === 0 ? 0 : upTo(6);
    const level = kind === 0 ? ('full' as const) : kind === 1 ? ('differential' as const) : ('incremental' as const);
    const parent = kind === 0 ? null : ((kind === 1 ? fulls.at(-1) : backups[backups.length - 1 - upTo(Math.min(3, backups.length))])?.backupId ?? null);
    // A long full is captured before backups that were sealed earlier.
    const capturedAtMs = level === 'full' ? time - upTo(10 * DAY) : time;
    backups.push({ backupId: `b${String(i).padStart(3, '0')}`, level, parent, capturedAtMs, shrunk: random() < 0.05 });
  }
  const some = (share: number): string[] => backups.filter(() => random() < share).map(({ backupId }) => backupId);
  const gone = maybe(() => time + upTo(30 * DAY));
  return {
    backups,
    given: facts(backups, {
      deletedAtMs: gone,
      heldBackups: new Map(some(0.03).map((id) => [id, 'x'])),
      claims: new Map(some(0.03).map((id) => [id, 'y'])),
      accepted: new Set(some(0.5)),
    }),
    policy: {
      ...NOTHING,
      keepLast: maybe(() => 1 + upTo(5)), keepWithinMs: maybe(() => 1 + upTo(20 * DAY)), keepDaily: maybe(() => 1 + upTo(9)),
      keepWeekly: maybe(() => 1 + upTo(5)), keepMonthly: maybe(() => 1 + upTo(4)), keepYearly: maybe(() => 1), deletedBasepathsMs: maybe(() => 1 + upTo(60 * DAY)),
    },
    now: time + upTo(40 * DAY),
  };
}

describe('decideRetention, whatever the history', () => {
  it.each(Array.from({ length: 500 }, (_, seed) => seed))('never strands a chain, nor removes what covers (seed %i)', (seed) => {
    const { backups, given, policy, now } = randomCase(seed);
    const decisions = decideRetention(given, policy, now);
    const kept = new Set(decisions.flatMap(({ keep, backupId }) => (keep ? [backupId] : [])));
    const survivors = backups.filter(({ backupId }) => kept.has(backupId));
    expect(decisions).toHaveLength(backups.length);
    for (const { parent } of survivors) if (parent !== null) expect(kept).toContain(parent);
    for (const id of [...given.heldBackups.keys(), ...given.claims.keys()]) expect(kept).toContain(id);
    const newest = [...backups].sort((a, b) => b.capturedAtMs - a.capturedAtMs || (a.backupId < b.backupId ? 1 : -1));
    const over = given.deletedAtMs !== null && policy.deletedBasepathsMs !== null && now - given.deletedAtMs >= policy.deletedBasepathsMs;
    if (!over) {
      expect(kept).toContain(newest[0]?.backupId);
      expect(kept).toContain(newest.find(({ level }) => level === 'full')?.backupId);
      for (const { backupId } of newest.slice(0, policy.keepLast ?? 0)) expect(kept).toContain(backupId);
      for (const { backupId, capturedAtMs } of backups) if (now - capturedAtMs <= (policy.keepWithinMs ?? -1)) expect(kept).toContain(backupId);
    }
    for (const shrunk of survivorsToAccept(newest, given)) expect(kept).toContain(shrunk);
    // What is left is what the rules keep: a second prune at the same time takes nothing.
    expect(decideRetention({ ...given, backups: survivors }, policy, now).filter(({ keep }) => !keep)).toEqual([]);
  });
});

function survivorsToAccept(newestFirst: readonly RetainedBackup[], { accepted }: RetentionFacts): string[] {
  const open = (backup: RetainedBackup): boolean => backup.shrunk && !accepted.has(backup.backupId);
  return newestFirst.flatMap((backup, i) => (open(backup) ? [backup.backupId, newestFirst.slice(i + 1).find((older) => !open(older))?.backupId ?? backup.backupId] : []));
}

describe('childrenFirst', () => {
  it('names every backup before its parent', () => {
    const backups = history(9, 3);
    const order = childrenFirst(backups, new Set(backups.slice(0, 6).map(({ backupId }) => backupId)));
    expect(order).toEqual(['i-002', 'i-005', 'i-001', 'i-004', 'F-000', 'F-003']);
  });
});
