import { describe, expect, it } from 'vitest';
import { planTurn, shardPlaces, shardTurns, type ShardSize } from '../../../../shared/queues/fair-share.js';
import { laneOf } from '../../../../shared/queues/priorities.js';
import { simulateLane, type Arrival } from './simulated-lane.js';

const TIB = 2n ** 40n;
const BIG: ShardSize = { records: 1000, bytes: TIB };
const SMALL: ShardSize = { records: 20, bytes: 1000n };
const lane = laneOf(30);

function small(name: string, at: number): Arrival {
  return { name, at, shards: [SMALL] };
}

const giant = (shards: number, at = 0): Arrival => ({ name: 'giant', at, shards: Array.from({ length: shards }, () => BIG) });

describe('turns within a lane', () => {
  it.each([
    ['nothing at all', { records: 0, bytes: 0n }, 4],
    ['a few files', SMALL, 4],
    ['half of the files of a full one', { records: 150_000, bytes: 0n }, 32],
    ['all the bytes of a full one', BIG, 64],
    ['one file of ten TiB', { records: 1, bytes: 10n * TIB }, 64],
  ])('a shard of %s takes up its places', (_what, size, expected) => {
    expect(shardPlaces(size)).toBe(expected);
  });

  it.each([
    ['an empty lane forgets earlier turns', { head: null, next: lane.first + 500 }, 1],
    ['a new backup goes before the next shard of a giant', { head: lane.first + 64, next: 0 }, 63],
    ['the one after it does not, when its turn is over', { head: lane.first + 63, next: lane.first + 64 }, 64],
    ['plans keep the order of their coming', { head: lane.first + 1, next: lane.first + 900 }, 900],
    ['a full lane keeps to its end', { head: lane.last, next: lane.last + 1 }, lane.last - lane.first],
  ])('%s', (_what, state, place) => {
    const turn = planTurn(lane, state);
    expect(turn).toEqual({ priority: lane.first + place, next: lane.first + place + 1 });
  });

  it('puts a first shard before every plan that waits, and the others as far behind as they are big', () => {
    expect(shardTurns(lane, lane.first + 7, [BIG, SMALL, BIG, BIG]).map((turn) => turn - lane.first)).toEqual([6, 70, 74, 138]);
    expect(shardTurns(lane, null, [SMALL, SMALL]).map((turn) => turn - lane.first)).toEqual([0, 4]);
    expect(shardTurns(lane, lane.last, [SMALL, BIG])).toEqual([lane.last - 1, lane.last - 1]);
  });
});

describe('a lane with a giant', () => {
  it('one giant and fifty small ones', async () => {
    const arrivals = [giant(100), ...Array.from({ length: 50 }, (_, i) => small(`small-${i + 1}`, 2))];
    const taken = simulateLane(arrivals, 201);
    expect(taken.slice(0, 110).filter((what) => what.startsWith('small'))).toHaveLength(100);
    expect(taken.filter((what) => what.startsWith('giant#'))).toHaveLength(100);
    await expect(`${taken.join('\n')}\n`).toMatchFileSnapshot('golden/giant-and-fifty.txt');
  });

  it('is not starved by an endless stream of small ones', () => {
    const stream = Array.from({ length: 4000 }, (_, at) => small(`small-${at}`, at));
    const turns = simulateLane([giant(20), ...stream], 4000).flatMap((what, turn) => (what.startsWith('giant#') ? [turn] : []));
    expect(turns).toHaveLength(20);
    const gaps = turns.slice(1).map((turn, index) => turn - (turns[index] as number));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2 * 64 + 2);
  });

  it('takes turns with another giant, whichever came first', () => {
    const taken = simulateLane([giant(50), { ...giant(50), name: 'other', at: 20 }], 102);
    const between = taken.slice(21, 61);
    expect(between.filter((what) => what.startsWith('giant#')).length).toBeGreaterThanOrEqual(19);
    expect(between.filter((what) => what.startsWith('other#')).length).toBeGreaterThanOrEqual(19);
  });

  it('a small one that comes late is begun, and saved, within three jobs', () => {
    const taken = simulateLane([giant(100), small('late', 50)], 102);
    expect(taken.slice(50, 53)).toEqual(expect.arrayContaining(['late', 'late#1']));
  });
});
