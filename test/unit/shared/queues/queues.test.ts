import { describe, expect, it } from 'vitest';
import { BwError } from '../../../../shared/errors/bw-error.js';
import { parseJob, shardJobSchema } from '../../../../shared/queues/job-data.js';
import { backoffMs, LOCK } from '../../../../shared/queues/options.js';
import { classPriorities, laneAt, laneOf, OTHERS_PRIORITIES, PREEMPTING_PRIORITIES, priorityOf, SEAL_PRIORITIES, waitingLane, type PriorityClass } from '../../../../shared/queues/priorities.js';

describe('priorities', () => {
  it('orders classes restore > manual full > full > overdue incremental > incremental, and never uses 0', () => {
    const classes: PriorityClass[] = ['restore', 'manual-full', 'full', 'overdue-incremental', 'incremental'];
    const values = classes.map((each) => priorityOf(each));
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(new Set(values).size).toBe(classes.length);
    for (const each of classes) expect(priorityOf(each, 'seal')).toBeGreaterThan(0);
  });

  it('finishes what was begun: seals before shards before new plans of one class, never above a better class', () => {
    expect(priorityOf('full', 'seal')).toBeLessThan(priorityOf('full', 'shard'));
    expect(priorityOf('full', 'shard')).toBeLessThan(priorityOf('full', 'plan'));
    expect(priorityOf('full', 'seal')).toBeGreaterThan(priorityOf('manual-full', 'plan'));
  });
});

describe('lanes', () => {
  it('do not overlap, and stay within what BullMQ takes', () => {
    const lanes = [10, 20, 30, 40, 41, 42, 43, 44, 45, 46, 50].map(laneOf);
    for (const [index, lane] of lanes.entries()) {
      expect(lane.seal).toBeGreaterThan(lanes[index - 1]?.last ?? 0);
      for (const priority of [lane.seal, lane.first, lane.last]) expect(laneAt(priority)).toEqual(lane);
    }
    expect(lanes.at(-1)?.last).toBeLessThan(2 ** 21);
    expect([laneAt(0), laneAt(77), laneAt(2 ** 21 - 1)]).toEqual([null, null, null]);
  });

  it('an overdue incremental moves up with every interval, never above a full', () => {
    expect([1, 2, 5, 6, 7, 100].map((missed) => waitingLane('overdue-incremental', missed))).toEqual([45, 44, 41, 40, 40, 40]);
    expect(classPriorities('full').last).toBeLessThan(OTHERS_PRIORITIES.first);
    expect(classPriorities('overdue-incremental').last).toBeLessThan(classPriorities('incremental').first);
  });
});

describe('who preempts', () => {
  const preempts = (priority: number): boolean => PREEMPTING_PRIORITIES.some(({ first, last }) => first <= priority && priority <= last);

  it('is what waits of restores and fulls, but no backup that is to be sealed: that has a slot of its own', () => {
    const all = (['restore', 'manual-full', 'full', 'overdue-incremental', 'incremental'] as const).flatMap((each) => (['seal', 'shard', 'plan'] as const).map((phase) => [each, phase] as const));
    expect(all.filter(([each, phase]) => preempts(priorityOf(each, phase))).map((pair) => pair.join(' '))).toEqual([
      'restore seal', 'restore shard', 'restore plan', 'manual-full shard', 'manual-full plan', 'full shard', 'full plan',
    ]);
    expect(SEAL_PRIORITIES.filter(preempts)).toEqual([]);
  });
});

describe('backoff', () => {
  it('doubles, is capped at ten minutes and jittered downwards by at most a fifth', () => {
    const plain = [1, 2, 3, 4, 20].map((attempt) => backoffMs(attempt, () => 0));
    expect(plain).toEqual([5_000, 10_000, 20_000, 40_000, 600_000]);
    expect(backoffMs(20, () => 1)).toBe(480_000);
  });

  it('keeps locks through a Redis outage of minutes', () => {
    expect(LOCK.lockDurationMs - LOCK.lockRenewTimeMs).toBeGreaterThanOrEqual(240_000);
  });
});

describe('parseJob', () => {
  const good = { v: 1, backupId: '01JQZX3K5V8W9Y2A4B6C7D8E9F', basepathId: 'alice-3f9a2c', shard: 1, priorityClass: 'full' };

  it('accepts what this version writes', () => {
    expect(parseJob(shardJobSchema, good, 'x')).toEqual(good);
  });

  it.each([
    ['a newer version', { ...good, v: 2 }],
    ['an unknown field', { ...good, extra: true }],
    ['an id that leads elsewhere', { ...good, basepathId: '../etc' }],
  ])('refuses %s permanently', (_what, data) => {
    try {
      parseJob(shardJobSchema, data, 'job-7');
      expect.unreachable();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(BwError);
      expect(thrown).toMatchObject({ code: 'JOB_INVALID', retry: 'permanent', subject: 'job job-7' });
    }
  });
});
