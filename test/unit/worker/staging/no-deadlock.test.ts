import { describe, expect, it } from 'vitest';
import { decide, type Others, type Writer } from '../../../../worker/staging/budget.js';

/** A backup as the account sees it: it writes while it may, its complete slices leave one after the other, and those of a small archive when it has ended. */
interface Simulated {
  readonly id: string;
  readonly total: number;
  readonly sliceBytes: number;
  readonly priority: number;
  readonly comesAt: number;
  /** Bytes between two looks. */
  readonly rate: number;
  started: boolean;
  written: number;
  until: number;
  slack: number;
  runs: boolean;
  waitsSince: number;
  /** Complete slices that are still there. */
  staged: number[];
}

const NOBODY: Others = { reserved: 0, running: 0, held: 0, largestSlice: 0, waiting: null };
/** Far more than any of the runs needs: one that stands still would never end. */
const MOST_STEPS = 200_000;

describe('backups that share a budget never wait for each other for ever', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => [seed]))('seed %i', (seed) => {
    const random = randomOf(seed);
    const between = (from: number, to: number): number => from + Math.floor(random() * (to - from));
    const slices = [between(20, 200), between(20, 200)];
    const backups = Array.from({ length: between(2, 9) }, (_, i): Simulated => {
      const sliceBytes = slices[i % 2] ?? 0;
      const total = random() < 0.4 ? between(1, sliceBytes) : between(sliceBytes, 30 * sliceBytes);
      return { id: `w${i}`, total, sliceBytes, priority: between(1, 4), comesAt: between(0, 300), rate: between(1, 30), started: false, written: 0, until: 0, slack: 0, runs: false, waitsSince: 0, staged: [] };
    });
    // From room for one slice to room for a few.
    const limit = Math.max(...slices) + between(0, 300);
    const peak = simulate(backups, limit, between(1, 40), random);
    const mostBetweenLooks = Math.max(...backups.map(({ rate }) => rate));
    expect(peak).toBeLessThanOrEqual(limit + 2 * mostBetweenLooks);
  });
});

/** Returns the most that was staged at once; throws when it does not end. */
function simulate(backups: Simulated[], limit: number, sentPerStep: number, random: () => number): number {
  let peak = 0;
  let sending = 0;
  let open = [...backups];
  for (let step = 0; open.length > 0; step++) {
    if (step > MOST_STEPS) throw new Error(`stands still: ${JSON.stringify(open)}`);
    // Long-term storage takes nothing for a while now and then.
    sending = step % 500 < 400 ? sending + sentPerStep : 0;
    for (const each of backups) while (each.staged[0] !== undefined && each.staged[0] <= sending) sending -= each.staged.shift() ?? 0;
    const present = open.filter(({ comesAt }) => comesAt <= step);
    look(present, step, limit, usedBy(backups));
    for (const each of present) if (each.runs) write(each, 1 + Math.floor(random() * each.rate));
    peak = Math.max(peak, usedBy(backups));
    open = open.filter(({ written, total }) => written < total);
  }
  return peak;
}

function write(each: Simulated, bytes: number): void {
  const before = Math.floor(each.written / each.sliceBytes);
  each.written = Math.min(each.total, each.written + bytes);
  for (let slice = before; slice < Math.floor(each.written / each.sliceBytes); slice++) each.staged.push(each.sliceBytes);
  if (each.written === each.total && each.total % each.sliceBytes > 0) each.staged.push(each.total % each.sliceBytes);
}

function usedBy(backups: readonly Simulated[]): number {
  return backups.reduce((sum, { staged, written, total, sliceBytes }) => sum + staged.reduce((a, b) => a + b, 0) + (written < total ? written % sliceBytes : 0), 0);
}

function look(present: readonly Simulated[], step: number, limit: number, used: number): void {
  const states = present.map(({ id, priority, comesAt, started, sliceBytes, total, written, until, slack, waitsSince, runs }): Writer => {
    const rank = { overdue: !runs && step - waitsSince > 2_000, priority, since: comesAt };
    return { id, rank, started, sliceBytes, expectedBytes: total < sliceBytes ? total : Infinity, written, until, slack, beside: 0 };
  });
  const verdicts = decide(states, { limit, used, free: Infinity, margin: 0, others: NOBODY }, ({ id }) => present.find((each) => each.id === id)?.rate ?? 0);
  for (const each of present) {
    const verdict = verdicts.get(each.id);
    if (verdict === undefined) throw new Error('nothing was decided');
    if (each.runs && !verdict.runs) each.waitsSince = step;
    Object.assign(each, { until: verdict.until, slack: verdict.slack, runs: verdict.runs, started: each.started || verdict.runs });
  }
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
