import { describe, expect, it } from 'vitest';
import { parseWindow } from '../../../../shared/limits/windows.js';
import { laneOf, priorityOf } from '../../../../shared/queues/priorities.js';
import { entryOf, waitsForWindowMs } from '../../../../shared/limits/may-start.js';

const topdir = '/u';
const full = { topdir, priorityClass: 'full' };

describe('what a job asks for', () => {
  it.each([
    ['a full that begins', 'backup', priorityOf('full'), full, { topdir, inWindowOnly: true, takesPlace: false }],
    ['a shard of a full', 'shard', laneOf(30).first + 70, full, { topdir, inWindowOnly: true, takesPlace: true }],
    ['a full asked for by hand', 'shard', laneOf(20).first, { topdir, priorityClass: 'manual-full' }, { topdir, inWindowOnly: false, takesPlace: true }],
    ['an incremental', 'backup', priorityOf('incremental'), { topdir, priorityClass: 'incremental' }, { topdir, inWindowOnly: false, takesPlace: false }],
    ['a full that comes back to be sealed', 'backup', priorityOf('full', 'seal'), full, null],
    ['a restore', 'restore', priorityOf('restore'), { topdir }, null],
    ['a shard of an older version', 'shard', priorityOf('full', 'shard'), { priorityClass: 'full' }, null],
  ])('%s', (_what, name, priority, data, expected) => {
    expect(entryOf({ name, priority, data })).toEqual(expected);
  });

  it('only what is bound to windows waits for them', () => {
    const windows = [parseWindow('18:00-08:00') ?? expect.unreachable()];
    const noon = Date.parse('2026-06-03T12:00:00Z');
    const wait = (inWindowOnly: boolean, all: typeof windows | null) => waitsForWindowMs({ topdir, inWindowOnly, takesPlace: true }, all, 'UTC', noon);
    expect([wait(true, windows), wait(false, windows), wait(true, null)]).toEqual([6 * 3_600_000, 0, 0]);
  });
});
