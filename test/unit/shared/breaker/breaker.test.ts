import { describe, expect, it } from 'vitest';
import {
  afterFailure,
  afterSuccess,
  closedBreaker,
  closes,
  isForgotten,
  isOpenFor,
  lookBegins,
  lookEnds,
  mayLook,
  openedByHand,
  type Breaker,
  type Failure,
} from '../../../../shared/breaker/breaker.js';

const TIMING = { firstMs: 5_000, mostMs: 600_000 };
const CAUSE = { code: 'TRANSFER_IO', message: 'm', hint: 'h' };
const MINUTE = 60_000;
const closed = closedBreaker({ kind: 'lts', name: 'tape' });

function failure(fields: Partial<Failure> = {}): Failure {
  return { host: 'ie1', job: 'backup/1', cause: CAUSE, proven: false, forAll: false, needsBytes: 0, ...fields };
}

function failed(breaker: Breaker, atMs: number, fields: Partial<Failure> = {}): Breaker {
  return afterFailure(breaker, failure(fields), atMs, TIMING);
}

/** One look after the other that fails; returns when each was due. */
function looks(breaker: Breaker, times: number): { breaker: Breaker; due: number[] } {
  const due: number[] = [];
  for (let i = 0; i < times; i++) {
    due.push(breaker.lookAt);
    breaker = lookEnds(lookBegins(breaker, 'ie1', breaker.lookAt), 'ie1', CAUSE, breaker.lookAt, TIMING);
  }
  return { breaker, due };
}

describe('opens', () => {
  it('at once when a look fails too: for the host alone, for all when a second one meets it', () => {
    const open = failed(closed, 1000, { proven: true });
    expect(open).toMatchObject({ state: 'open', since: 1000, hosts: ['ie1'], cause: { ...CAUSE, host: 'ie1' }, lookAt: 6000 });
    expect([isOpenFor(open, 'ie1'), isOpenFor(open, 'ie2')]).toEqual([true, false]);
    const both = failed(open, 2000, { proven: true, host: 'ie2' });
    expect([both.since, isOpenFor(both, 'ie2'), isOpenFor(both, 'ie3')]).toEqual([1000, true, true]);
  });

  it('and tells what a look found, or an operator said, not what the next job met; but that a storage is full', () => {
    const symptom = { proven: true, cause: { code: 'SOURCE_MISSING', message: 's', hint: 's' } };
    expect(failed(failed(closed, 0, { proven: true }), 1, symptom).cause).toMatchObject(CAUSE);
    const byHand = openedByHand(closed, 'root', 'new disks', 0);
    expect(failed(byHand, 1, { ...symptom, forAll: true }).cause).toMatchObject({ message: 'new disks' });
    const full = { proven: true, forAll: true, cause: { code: 'TRANSFER_NO_SPACE', message: 'full', hint: 'room' } };
    expect(failed(failed(closed, 0, { proven: true }), 1, full).cause).toMatchObject({ code: 'TRANSFER_NO_SPACE' });
  });

  it('for all at once when a quota is used up', () => {
    const open = failed(closed, 0, { proven: true, forAll: true, needsBytes: 7 });
    expect([open.needsBytes, isOpenFor(open, 'ie2')]).toEqual([7, true]);
  });

  it('after three jobs in a row, though it seems well; one job alone, however often, or old errors, do not', () => {
    let breaker = closed;
    for (let i = 0; i < 5; i++) breaker = failed(breaker, i * 1000);
    expect(breaker).toMatchObject({ state: 'closed', errors: [{ job: 'backup/1', at: 4000 }] });
    const second = failed(breaker, 5000, { job: 'backup/2', host: 'ie2' });
    expect(failed(second, 6000, { job: 'backup/3' })).toMatchObject({ state: 'open', hosts: ['ie1', 'ie2'] });
    expect(failed(afterSuccess(second), 6000, { job: 'backup/3' }).state).toBe('closed');
    expect(failed(second, 4000 + 10 * MINUTE, { job: 'backup/3' })).toMatchObject({ state: 'closed', errors: [{ job: 'backup/2' }, { job: 'backup/3' }] });
  });
});

describe('looks', () => {
  const open = failed(closed, 0, { proven: true });

  it('one host at a time; when it dies, another', () => {
    expect([mayLook(open, 'ie1', 4999), mayLook(open, 'ie1', 5000)]).toEqual([false, true]);
    const half = lookBegins(open, 'ie1', 5000);
    expect([half.state, isOpenFor(half, 'ie1'), mayLook(half, 'ie1', 5001)]).toEqual(['half-open', true, false]);
    expect(mayLook(half, 'ie1', 5000 + MINUTE)).toBe(true);
    expect(lookEnds(half, 'ie2', null, 5001, TIMING)).toBe(half);
  });

  it('those it concerns; others only when these are gone', () => {
    expect(mayLook(open, 'ie2', 5000)).toBe(false);
    expect(mayLook(open, 'ie2', 5000 + 5 * MINUTE)).toBe(true);
    expect(mayLook(failed(open, 1, { host: 'ie2' }), 'ie2', 5000)).toBe(true);
  });

  it('everyone once two have met it: who had not, and finds it well, frees the others, not those two', () => {
    const both = failed(open, 1, { proven: true, host: 'ie2' });
    expect([isOpenFor(both, 'ie3'), mayLook(both, 'ie3', 5000)]).toEqual([true, true]);
    const some = lookEnds(lookBegins(both, 'ie3', 5000), 'ie3', null, 5001, TIMING);
    expect(['ie1', 'ie2', 'ie3'].map((host) => isOpenFor(some, host))).toEqual([true, true, false]);
    expect(['ie1', 'ie3'].map((host) => mayLook(some, host, 10_001))).toEqual([true, false]);
    expect(isOpenFor(failed(some, 6000, { proven: true, host: 'ie3' }), 'ie3')).toBe(true);
    expect(lookEnds(lookBegins(some, 'ie2', 10_001), 'ie2', null, 10_002, TIMING).state).toBe('closed');
    const late = 10_001 + 5 * MINUTE;
    expect(lookEnds(lookBegins(some, 'ie3', late), 'ie3', null, late, TIMING).state).toBe('closed');
  });

  it('with growing pauses, at most ten minutes', () => {
    const { due } = looks(open, 10);
    expect(due.map((at, i) => (at - (due[i - 1] ?? 0)) / 1000)).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
  });

  it('and closes; opened again soon, its pauses go on growing; later, or forgotten, they begin anew', () => {
    const { breaker } = looks(open, 3);
    const well = lookEnds(lookBegins(breaker, 'ie1', breaker.lookAt), 'ie1', null, MINUTE, TIMING);
    expect(well).toMatchObject({ state: 'closed', since: null, hosts: [], cause: null });
    expect(failed(well, 2 * MINUTE, { proven: true }).pauseMs).toBe(80_000);
    expect(failed(well, 11 * MINUTE, { proven: true }).pauseMs).toBe(5_000);
    expect([isForgotten(well, 2 * MINUTE), isForgotten(well, 11 * MINUTE), isForgotten(open, 99 * MINUTE)]).toEqual([false, true, false]);
  });
});

it('an operator opens it for all until he closes it: nobody looks', () => {
  const open = openedByHand(closed, 'root', 'tape robot serviced', 1000);
  expect(open).toMatchObject({ state: 'open', since: 1000, operator: 'root', cause: { code: 'OUTAGE', message: 'tape robot serviced' } });
  expect([isOpenFor(open, 'ie9'), mayLook(open, 'ie1', 99 * MINUTE)]).toEqual([true, false]);
  expect(closes(open, 2000)).toMatchObject({ state: 'closed', operator: null, closedAt: 2000 });
  const looking = lookBegins(failed(closed, 0, { proven: true }), 'ie1', 5000);
  expect(lookEnds(openedByHand(looking, 'root', '', 5001), 'ie1', null, 5002, TIMING).state).toBe('open');
});
