import { describe, expect, it } from 'vitest';
import { gather, MAX_ITEMS, urgency } from '../../../../shared/tasks/gather.js';
import type { OutboxItem } from '../../../../shared/tasks/task-record.js';
import { priorityOf } from '../../../../shared/queues/priorities.js';

const NOW = 1_000_000_000;
const SECOND = 1_000;
const GIB = 2 ** 30;

function item(object: string, { agoMs = 0, bytes = GIB, priority = priorityOf('incremental', 'shard') } = {}): OutboxItem {
  return { object, file: `/s/${object}`, bytes, sha512: '', backupId: 'B', kind: 'slice', priority, sinceMs: NOW - agoMs, job: 'q j', tries: 0 };
}

function decide(items: readonly OutboxItem[], liveTasks = 0, maxTasks = 3) {
  const { take, why } = gather({ items, liveTasks, maxTasks, nowMs: NOW, patienceMs: 5 * SECOND });
  return [why, take.map(({ object }) => object).join(' ')];
}

const many = (count: number, options = {}): OutboxItem[] => Array.from({ length: count }, (_, index) => item(String(index).padStart(5, '0'), options));

describe('what goes into the next task', () => {
  it('waits for company, a little', () => {
    expect(decide([])).toEqual(['nothing', '']);
    expect(decide([item('a')])).toEqual(['gathering', '']);
    expect(decide([item('a', { agoMs: 4 * SECOND }), item('b')])).toEqual(['gathering', '']);
    expect(decide([item('a', { agoMs: 5 * SECOND }), item('b')])).toEqual(['waited', 'a b']);
  });

  it('waits the longer the more tasks are alive, and never for ever', () => {
    const waitsUntil = (live: number, max = 3): number => {
      let seconds = 0;
      while (decide([item('a', { agoMs: seconds * SECOND })], live, max)[0] === 'gathering') seconds++;
      return seconds;
    };
    expect([0, 1, 2].map((live) => waitsUntil(live))).toEqual([5, 60, 120]);
    expect([9, 10, 50, 98].map((live) => waitsUntil(live, 99))).toEqual([540, 600, 600, 600]);
  });

  it('takes no lease that is not free', () => {
    expect(decide([item('a', { agoMs: 3_600 * SECOND })], 3)).toEqual(['no-lease', '']);
    expect(decide([item('a', { agoMs: 3_600 * SECOND })], 5)).toEqual(['no-lease', '']);
    expect(decide([item('a', { agoMs: 3_600 * SECOND })], 0, 1)).toEqual(['waited', 'a']);
  });

  it('sends at once what is a task by itself: by bytes, or by number', () => {
    expect(decide([item('a', { bytes: 1e12 })], 2)).toEqual(['full', 'a']);
    expect(decide(many(40, { bytes: 32 * GIB }), 2)[0]).toBe('full');
    expect(decide(many(29, { bytes: 32 * GIB }), 2)[0]).toBe('gathering');
    expect(decide(many(MAX_ITEMS - 1, { bytes: 1 }), 2)[0]).toBe('gathering');
    expect(decide(many(MAX_ITEMS, { bytes: 1 }), 2)[0]).toBe('full');
  });

  it('is bounded in number and bytes, but for one that is bigger than all', () => {
    expect(gather({ items: many(2_500, { bytes: 1 }), liveTasks: 0, maxTasks: 3, nowMs: NOW, patienceMs: 1 }).take).toHaveLength(MAX_ITEMS);
    expect(decide(['a', 'b', 'c', 'd'].map((name) => item(name, { bytes: 4e12 })))).toEqual(['full', 'a b']);
    expect(decide([item('a', { bytes: 40e12 }), item('b')])).toEqual(['full', 'a']);
  });

  it('takes restores before fulls before incrementals, then what came first', () => {
    const items = [
      item('inc-old', { agoMs: 9 * SECOND }),
      item('full-new', { priority: priorityOf('full', 'shard') }),
      item('full-old', { priority: priorityOf('full', 'shard'), agoMs: SECOND }),
      item('full-seal', { priority: priorityOf('full', 'seal') }),
      item('restore', { priority: priorityOf('restore', 'shard') }),
    ];
    expect(decide(items)).toEqual(['waited', 'restore full-seal full-old full-new inc-old']);
  });

  it('tells hosts that wait for a lease apart: by class, then by age', () => {
    const [full, older, newer] = [item('f', { priority: priorityOf('full', 'shard') }), item('o', { agoMs: 60 * SECOND }), item('n')];
    expect(urgency([newer, full])).toBeLessThan(urgency([older]));
    expect(urgency([newer, older])).toBeLessThan(urgency([newer]));
    expect(Number.isSafeInteger(urgency([{ ...newer, sinceMs: Date.parse('2200-01-01') }]))).toBe(true);
  });
});
