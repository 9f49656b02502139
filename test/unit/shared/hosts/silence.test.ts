import { describe, expect, it } from 'vitest';
import { isDead, isGone, isHeard, silenceOf, type Heard, type WorkerProcess } from '../../../../shared/hosts/silence.js';

const own: WorkerProcess = { incarnation: 'B', host: 'ie01', pid: 20, startedAt: '2000', bootId: 'boot-2', pidNamespace: 'pid:[1]', lockers: [] };

function process(fields: Partial<WorkerProcess> = {}): WorkerProcess {
  return { ...own, incarnation: 'A', pid: 10, startedAt: '1000', ...fields };
}

const MINUTE = 60_000;
const heard: Heard = {
  nowMs: 100 * MINUTE,
  listeningSinceMs: 50 * MINUTE,
  processes: [
    { process: process({ host: 'busy' }), seenMs: 100 * MINUTE - 5_000 },
    { process: process({ host: 'two' }), seenMs: 60 * MINUTE },
    { process: process({ host: 'two' }), seenMs: 99.5 * MINUTE },
    { process: process({ host: 'restarting' }), seenMs: 95 * MINUTE },
    { process: process({ host: 'off' }), seenMs: 80 * MINUTE },
    { process: process({ host: 'ended a moment ago' }), seenMs: 100 * MINUTE - 5_000, left: true },
    { process: process({ host: 'ended long ago' }), seenMs: 80 * MINUTE, left: true },
  ],
};

describe('silence', () => {
  it.each<[string, number, boolean, boolean]>([
    ['busy', 5_000, true, false],
    ['two', 30_000, true, false],
    ['restarting', 5 * MINUTE, false, false],
    ['off', 20 * MINUTE, false, true],
    ['ended a moment ago', 5_000, false, false],
    ['ended long ago', 20 * MINUTE, false, true],
    ['never heard', 50 * MINUTE, false, true],
  ])('%s: %d ms; at work %s, gone %s', (host, silentMs, works, gone) => {
    expect([silenceOf(host, heard), isHeard(host, heard), isGone(host, heard)]).toEqual([silentMs, works, gone]);
  });

  it('nobody is gone right after an outage of Redis, and none is found dead by the clock of another', () => {
    const after = { ...heard, listeningSinceMs: heard.nowMs - 3_000 };
    expect(['busy', 'off', 'never heard'].map((host) => [silenceOf(host, after), isHeard(host, after)])).toEqual([[3_000, true], [3_000, true], [3_000, true]]);
    expect(silenceOf('busy', { ...heard, nowMs: 0 })).toBe(0);
  });
});

describe('a process is dead beyond doubt', () => {
  it.each<[string, WorkerProcess, string | null, boolean]>([
    ['nothing has its pid', process(), null, true],
    ['something else has its pid', process(), '1500', true],
    ['it lives', process(), '1000', false],
    ['the host was booted again', process({ bootId: 'boot-1' }), '1000', true],
    ['it is of another host', process({ host: 'ie02', bootId: 'boot-1' }), null, false],
    ['its pid means something else here', process({ pidNamespace: 'pid:[2]' }), null, false],
    ['it is this one', own, null, false],
  ])('%s', (_, other, startOf, dead) => {
    expect(isDead(other, own, startOf)).toBe(dead);
  });
});
