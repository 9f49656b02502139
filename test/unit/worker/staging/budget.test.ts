import { describe, expect, it } from 'vitest';
import { decide, heldBy, reservedBy, type Room, type Writer } from '../../../../worker/staging/budget.js';

const SLICE = 100;

function writer(id: string, more: Partial<Writer> = {}): Writer {
  const rank = { overdue: false, priority: 30, since: Number(id.slice(1)) };
  return { id, rank, started: true, sliceBytes: SLICE, expectedBytes: Infinity, written: 0, until: 0, slack: 0, beside: 0, ...more };
}

const NOBODY: Room['others'] = { reserved: 0, running: 0, held: 0, largestSlice: 0, waiting: null };

function room(limit: number, used: number, more: Partial<Room> = {}): Room {
  return { limit, used, free: 10_000, margin: 10, others: NOBODY, ...more };
}

/** `w1:until+slack` of those that run; `waits`: for room; `behind`: must not be started beside the others, or is stopped. */
function verdicts(writers: readonly Writer[], of: Room, slack = 10): string {
  return [...decide(writers, of, () => slack)]
    .map(([id, { runs, until, slack: on, waits }]) => `${id}:${runs ? `${until}+${on}` : waits ? 'waits' : 'behind'}`)
    .join(' ');
}

const NEW = { started: false };

describe('who may write', () => {
  it.each<[string, Writer[], Room, string]>([
    ['room for all', [writer('w1', NEW), writer('w2', NEW)], room(1000, 0), 'w1:100+10 w2:100+10'],
    ['on in its slice', [writer('w1', { written: 40, until: 100, slack: 10 })], room(1000, 40), 'w1:100+10'],
    ['at the end of its slice it goes on: the slice leaves when the next is begun', [writer('w1', { written: 100, until: 100, slack: 10 })], room(110, 100), 'w1:100+10'],
    ['the next slice', [writer('w1', { written: 105, until: 100, slack: 10 })], room(1000, 105), 'w1:200+10'],
    ['no room for the next slice', [writer('w1', { written: 105, until: 100, slack: 10 })], room(150, 105), 'w1:waits'],
    ['no room besides a slice alone: the first alone', [writer('w1', { written: 105, until: 100, slack: 10 })], room(200, 105), 'w1:200+0'],
    ['two whose room is for one: the older goes on', [writer('w2', { written: 105 }), writer('w1', { written: 104 })], room(200, 9), 'w1:200+10 w2:waits'],
    ['the higher class goes first', [writer('w1', { written: 105, rank: { overdue: false, priority: 50, since: 1 } }), writer('w2', { written: 105 })], room(200, 10), 'w2:200+10 w1:waits'],
    ['but after whoever waited too long', [writer('w1', { written: 105, rank: { overdue: true, priority: 50, since: 1 } }), writer('w2', { written: 105 })], room(200, 10), 'w1:200+10 w2:waits'],
    ['nobody passes one that waits', [writer('w1', { sliceBytes: 500, written: 505 }), writer('w2', { written: 101 })], room(700, 300), 'w1:waits w2:waits'],
    ['a slice that was given is kept, whoever waits', [writer('w1', { written: 105 }), writer('w2', { written: 30, until: 100, slack: 10 })], room(200, 35), 'w1:waits w2:100+10'],
    ['slices so small that several come between two looks', [writer('w1', { sliceBytes: 3, ...NEW })], room(1000, 0), 'w1:12+10'],
    ['a small archive needs what it will be', [writer('w1', { expectedBytes: 20, beside: 5, ...NEW })], room(40, 0), 'w1:20+10'],
    ['one that grew beyond needs a slice', [writer('w1', { expectedBytes: 20, written: 25, until: 20, slack: 10 })], room(400, 25), 'w1:100+10'],
  ])('%s', (_name, writers, of, expected) => {
    expect(verdicts(writers, of)).toBe(expected);
  });
});

describe('who is started', () => {
  it.each<[string, Writer[], Room, string]>([
    ['as many as can all be stopped and leave room for a slice', [writer('w1', NEW), writer('w2', NEW), writer('w3', NEW)], room(229, 0), 'w1:100+10 w2:100+10 w3:waits'],
    ['not one beside which the first could never complete a slice', [writer('w1', { written: 150, until: 200, slack: 10 }), writer('w2', NEW)], room(149, 50), 'w1:200+10 w2:behind'],
    ['that one keeps nobody from going on', [writer('w1', { ...NEW, rank: { overdue: false, priority: 10, since: 1 } }), writer('w2', { written: 101 })], room(109, 1), 'w1:behind w2:200+0'],
    ['small ones count as long as they are there', [writer('w1', { expectedBytes: 60, written: 60, until: 60, slack: 10 }), writer('w2', NEW)], room(169, 60), 'w1:60+10 w2:behind'],
    ['alone where there is room for just a slice', [writer('w1', NEW)], room(100, 0), 'w1:100+0'],
    ['none where there is not even that', [writer('w1', NEW)], room(99, 0), 'w1:behind'],
  ])('%s', (_name, writers, of, expected) => {
    expect(verdicts(writers, of)).toBe(expected);
  });
});

describe('other processes of the host', () => {
  it.each<[string, Partial<Room['others']>, string]>([
    ['what they were given is not free', { reserved: 895, running: 1 }, 'w1:waits'],
    ['one of theirs that is older goes first', { waiting: { overdue: false, priority: 30, since: 0 } }, 'w1:waits'],
    ['one that came later does not', { waiting: { overdue: false, priority: 30, since: 2 } }, 'w1:200+10'],
  ])('%s', (_name, others, expected) => {
    expect(verdicts([writer('w1', { written: 105 })], room(1000, 105, { others: { ...NOBODY, ...others } }))).toBe(expected);
  });

  it('what theirs hold counts before another one is started', () => {
    expect(verdicts([writer('w1', NEW)], room(1000, 0, { others: { ...NOBODY, held: 881, running: 1, largestSlice: 120 } }))).toBe('w1:behind');
  });
});

describe('a filesystem that others fill', () => {
  const running = (id: string): Writer => writer(id, { written: 50, until: 100, slack: 10 });

  it.each([
    ['room for both', 200, 'w1:100+10 w2:100+10'],
    ['room for one: the last is stopped in its slice', 70, 'w1:100+10 w2:behind'],
    ['the first goes on into the margin: what it completes makes room', -4, 'w1:100+10 w2:behind'],
    ['but no further than half of it', -5, 'w1:behind w2:behind'],
  ])('%s', (_name, free, expected) => {
    expect(verdicts([running('w1'), running('w2')], room(1000, 100, { free }))).toBe(expected);
  });
});

it('what is held and reserved', () => {
  expect(reservedBy(writer('w1', { written: 40, until: 100, slack: 10, beside: 5 }))).toBe(75);
  expect(reservedBy(writer('w1', { written: 105, until: 100, slack: 10, beside: 5 }))).toBe(0);
  expect(heldBy(writer('w1', { written: 230, beside: 5 }), 10)).toBe(35);
  expect(heldBy(writer('w1', { written: 205, beside: 5 }), 10)).toBe(15);
  expect(heldBy(writer('w1', { expectedBytes: 60, written: 10 }), 10)).toBe(70);
});
