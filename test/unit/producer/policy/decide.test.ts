import { describe, expect, it } from 'vitest';
import type { EventKind, ScheduleConfig } from '../../../../shared/config/config.js';
import type { BasepathNow, InFlight } from '../../../../producer/policy/basepath-now.js';
import { decideTopdir, type TopdirDecision } from '../../../../producer/policy/decide.js';
import type { FullDay } from '../../../../producer/policy/full-share.js';
import { GIB, idAt, NOW, SCHEDULE, sampleBasepath, sampleFacts } from './samples.js';

const HOUR = 3_600_000;
const EVENTS: readonly EventKind[] = ['scan', 'fulls', 'incrementals', 'failed'];

interface Case {
  readonly schedule?: Partial<ScheduleConfig>;
  readonly events?: readonly EventKind[];
  readonly day?: FullDay;
}

function decide(basepaths: readonly Partial<BasepathNow>[], { schedule = {}, events = EVENTS, day }: Case = {}): TopdirDecision {
  const policy = { ...SCHEDULE, ...schedule };
  const named = basepaths.map((fields, index) => sampleBasepath({ basepathId: `home${index}`, policy, ...fields }));
  return decideTopdir({ schedule: policy, basepaths: named, events: new Set(events), day: day ?? null, nowMs: NOW });
}

/** `full: ACT reason` and the same of the other, of the first basepath. */
function told(decision: TopdirDecision): string[] {
  const [first] = decision.basepaths;
  return [first?.full, first?.other].map((verdict) => {
    const late = verdict?.act === 'enqueue' && verdict.missed > 0 ? ` (${verdict.missed} missed)` : '';
    const queued = verdict?.act === 'enqueue' || verdict?.act === 'in-flight' ? ` as ${verdict.priorityClass}${late}` : '';
    return `${verdict?.level ?? '-'} ${verdict?.act ?? ''}${queued}: ${verdict?.reason ?? ''}`;
  });
}

function flight(hoursAgo: number, started: boolean): InFlight {
  const enqueuedAtMs = NOW - hoursAgo * HOUR;
  return { jobId: `backup.${idAt(enqueuedAtMs)}`, enqueuedAtMs, started, bytes: null };
}

describe('what is due', () => {
  it('a full at once for a new basepath, and nothing else', () => {
    expect(told(decide([{}]))).toEqual(['full enqueue as full: no sealed full', 'incremental nothing: waits for its first full']);
    expect(told(decide([{}], { events: ['scan'] }))[0]).toBe('full enqueue as full: no sealed full');
    expect(told(decide([{}], { events: ['incrementals'] }))[0]).toBe('full hold: no sealed full');
  });

  it('an incremental when the last backup is a day old, of two events at the nearer one', () => {
    expect(told(decide([{ facts: sampleFacts({ fullDays: 5, newestDays: 0.9 }) }]))[1]).toBe('incremental nothing: last backup is 21h 36m old, of 1d 0h');
    expect(told(decide([{ facts: sampleFacts({ fullDays: 5, newestDays: 0.99 }) }]))[1]).toBe('incremental enqueue as incremental: last backup is 23h 45m old');
    expect(told(decide([{ facts: sampleFacts({ fullDays: 5, newestDays: 1.2 }) }]))).toEqual(['full nothing: last full is 5d 0h old, of 30d 0h', 'incremental enqueue as incremental: last backup is 1d 4h old']);
  });

  it('a full when the last is too old or its chain too long, with the reason', () => {
    expect(told(decide([{ facts: sampleFacts({ fullDays: 30, newestDays: 0.2 }) }]))[0]).toBe('full enqueue as full: last full is 30d 0h old');
    expect(told(decide([{ facts: sampleFacts({ fullDays: 12, newestDays: 0.2, chain: 12, share: 0.6 }) }]))[0]).toBe('full enqueue as full: saved since the last full: 614 MiB, 60 % of it (maxDifferentialShare 50 %)');
  });

  it('a differential where the policy says so, none where there are fulls only', () => {
    const facts = sampleFacts({ fullDays: 5, newestDays: 1.2, chain: 1, share: 0.1 });
    expect(told(decide([{ facts }], { schedule: { level: 'differential' } }))[1]).toBe('differential enqueue as incremental: last backup is 1d 4h old');
    expect(told(decide([{ facts }], { schedule: { incrementalEveryMs: null } }))[1]).toBe('- nothing: schedule.incrementalEvery is none');
  });

  it('the incremental beside a full that has run for days; not beside one of this very day', () => {
    const facts = sampleFacts({ fullDays: 29, newestDays: 1.1 });
    expect(told(decide([{ facts, full: flight(70, true) }]))).toEqual(['full in-flight as full: runs', 'incremental enqueue as incremental: last backup is 1d 2h old']);
    expect(told(decide([{ facts, full: flight(2, true) }]))[1]).toBe('incremental hold: last backup is 1d 2h old; its full is on the way');
  });

  it('nothing twice: what waits or runs stays the one', () => {
    const facts = sampleFacts({ fullDays: 5, newestDays: 2.6 });
    expect(told(decide([{ facts, other: flight(30, false) }]))[1]).toBe('incremental in-flight as overdue-incremental: waits for a slot');
  });

  it('what failed for good only at the events for that', () => {
    const facts = sampleFacts({ fullDays: 31, newestDays: 1.2 });
    const failures = { full: NOW - HOUR, other: NOW - HOUR };
    expect(told(decide([{ facts, failures }], { events: ['fulls', 'incrementals'] }))).toEqual([
      'full hold: last full is 31d 0h old; the last one failed: it comes with the next event for failed backups',
      'incremental hold: last backup is 1d 4h old; the last one failed: it comes with the next event for failed backups',
    ]);
    expect(told(decide([{ facts, failures }], { events: ['failed'] }))[0]).toBe('full enqueue as full: last full is 31d 0h old; the last one failed');
  });
});

describe('the gate', () => {
  const due = { facts: sampleFacts({ fullDays: 5, newestDays: 1.2 }) };

  it.each([
    ['fulls-started', flight(0.2, false), 'incremental hold: last backup is 1d 4h old; fulls of the day that wait for a slot: 1 (incrementalGate fulls-started)'],
    ['fulls-started', flight(0.2, true), 'incremental enqueue as incremental: last backup is 1d 4h old'],
    ['fulls-done', flight(0.2, true), 'incremental hold: last backup is 1d 4h old; fulls of the day that are not done: 1 (incrementalGate fulls-done)'],
    ['none', flight(0.2, false), 'incremental enqueue as incremental: last backup is 1d 4h old'],
    ['fulls-done', flight(20, false), 'incremental enqueue as incremental: last backup is 1d 4h old'],
  ] as const)('%s', (incrementalGate, full, expected) => {
    expect(told(decide([due, { full }], { schedule: { incrementalGate } }))[1]).toBe(expected);
  });

  it('also waits for fulls that are just being enqueued', () => {
    expect(told(decide([due, {}]))[1]).toMatch(/^incremental hold: .*fulls of the day that wait for a slot: 1/);
  });

  it('does not hold back what is overdue: that ages upward instead', () => {
    const late = (days: number): string | undefined => told(decide([{ facts: sampleFacts({ fullDays: 9, newestDays: days }) }, { full: flight(0.2, false) }]))[1];
    expect([1.9, 2.1, 4.5].map(late)).toEqual([
      'incremental hold: last backup is 1d 21h old; fulls of the day that wait for a slot: 1 (incrementalGate fulls-started)',
      'incremental enqueue as overdue-incremental: last backup is 2d 2h old, overdue',
      'incremental enqueue as overdue-incremental (2 missed): last backup is 4d 12h old, overdue',
    ]);
  });
});

describe('first fulls', () => {
  const counts = (decision: TopdirDecision): number[] => ['enqueue', 'hold'].map((act) => decision.basepaths.filter(({ full }) => full.act === act).length);

  it('come as many a day as admitted, counting those of today that run or are sealed', () => {
    const sealedToday = { facts: sampleFacts({ fullDays: 0.01 }) };
    const sealedBefore = { facts: sampleFacts({ fullDays: 2 }) };
    const basepaths = [{}, {}, {}, { full: flight(0.3, true) }, sealedToday, sealedBefore];
    const decision = decide(basepaths, { schedule: { maxNewFulls: { count: 3, bytes: null } } });
    expect(counts(decision)).toEqual([1, 2]);
    expect(decision.basepaths.filter(({ full }) => full.act === 'hold').map(({ full }) => full.reason)).toEqual(Array(2).fill('no sealed full; 3 first fulls are enqueued today (maxNewFulls.count)'));
  });

  it('stop when those of today have come to so many bytes; unknown ones count as others are', () => {
    const known = { facts: sampleFacts({ fullDays: 2, bytes: 4 * GIB }) };
    expect(counts(decide([{}, {}, {}, {}, known], { schedule: { maxNewFulls: { count: null, bytes: 8 * GIB } } }))).toEqual([2, 2]);
    expect(counts(decide([{}, {}, { full: { ...flight(0.3, true), bytes: 9 * GIB } }], { schedule: { maxNewFulls: { count: null, bytes: 8 * GIB } } }))).toEqual([0, 2]);
  });
});

describe('fulls that come again', () => {
  const site = (days: (index: number) => number, bytes: (index: number) => number = () => GIB): Partial<BasepathNow>[] =>
    Array.from({ length: 290 }, (_, index) => ({ facts: sampleFacts({ fullDays: days(index), newestDays: 0.1, bytes: bytes(index), first: false }) }));
  const taken = (decision: TopdirDecision): number[] => decision.basepaths.flatMap(({ full }, index) => (full.act === 'enqueue' ? [index] : []));

  it('a day has its share, of the oldest, by a hash of the id where all are of one age', () => {
    const first = taken(decide(site(() => 4)));
    expect(first).toHaveLength(11);
    expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan(100);
    const aged = taken(decide(site((index) => (index * 28) / 290 + 0.9)));
    expect(Math.min(...aged)).toBeGreaterThan(230); // the oldest end of the list
  });

  it('not more later on the same day, and what it was short of on the next', () => {
    const { day } = decide(site(() => 4));
    expect(taken(decide(site(() => 4), { day }))).toEqual([]);
    const yesterday = { ...day, dayMs: day.dayMs - 24 * HOUR, admitted: { bytes: 0.4, count: 0.4 } };
    expect(taken(decide(site(() => 4), { day: yesterday })).length).toBeGreaterThan(15);
  });

  it('few where they are large: bytes count as much as number', () => {
    const large = site((index) => (index < 20 ? 15 : 10), (index) => (index < 20 ? 30 * GIB : GIB));
    const decision = decide(large);
    const big = taken(decision).filter((index) => index < 20);
    expect(big.length).toBeLessThanOrEqual(2);
    expect(taken(decision).length).toBeGreaterThan(5);
  });

  it('at most two shares of late ones, the latest first; the rest is told to wait', () => {
    const decision = decide(site((index) => 31 + index / 290));
    const late = taken(decision);
    expect(late.length).toBeGreaterThan(18);
    expect(late.length).toBeLessThan(26);
    expect(Math.min(...late)).toBe(290 - late.length);
    expect(decision.basepaths[0]?.full).toMatchObject({ act: 'hold', reason: 'last full is 31d 0h old; the day is full, older ones go first' });
  });

  it('those that still wait from yesterday are a part of the day', () => {
    const basepaths = site(() => 4).map((each, index) => (index < 11 ? { ...each, full: flight(20, false) } : each));
    expect(taken(decide(basepaths))).toEqual([]);
  });

  it('not before the first fulls of others', () => {
    expect(taken(decide([...site(() => 4), {}]))).toEqual([290]);
  });

  it('each when it is due where the cycle is a few days only', () => {
    const decision = decide(site((index) => (index % 2 === 0 ? 0.99 : 0.5)), { schedule: { fullEveryMs: 24 * HOUR } });
    expect(taken(decision).every((index) => index % 2 === 0)).toBe(true);
    expect(taken(decision).length).toBe(145);
  });
});
