import { describe, expect, it } from 'vitest';
import { describe as describeChecks } from '../../../../../producer/cli/doctor/doctor-command.js';
import type { Finding } from '../../../../../producer/cli/doctor/finding.js';
import {
  judgeClock, judgeDirectory, judgeHosts, judgeRedis, judgeSecret, judgeTopdir, judgeTrip, type DirectoryFacts, type RedisFacts, type TopdirFacts,
} from '../../../../../producer/cli/doctor/judge.js';
import type { Trip } from '../../../../../producer/cli/doctor/round-trip.js';
import { BwError } from '../../../../../shared/errors/bw-error.js';
import type { WorkerProcess } from '../../../../../shared/hosts/silence.js';
import { plain } from '../../../../../shared/terminal/index.js';

const GIB = 2 ** 30;
const told = ({ state, message }: Finding): string => `${state}: ${message}`;

const redis: RedisFacts = { version: '7.0.15', aof: true, aofOk: true, policy: 'noeviction', latencyMs: 0.42, usedBytes: GIB, maxBytes: 0 };

it.each<[Partial<RedisFacts>, string]>([
  [{}, 'ok: version 7.0.15, AOF, noeviction, answers within 0.4 ms'],
  [{ aof: false }, 'warn: no append-only file: running work is lost when it restarts'],
  [{ aofOk: false }, 'fail: it could not write its append-only file'],
  [{ latencyMs: 25 }, 'warn: answers take 25.0 ms'],
  [{ maxBytes: 1.05 * GIB }, 'warn: 1GiB of maxmemory 1.1GiB is used'],
  [{ maxBytes: 2 * GIB }, 'ok: version 7.0.15, AOF, noeviction, answers within 0.4 ms'],
  [{ aof: false, aofOk: false, latencyMs: 30 }, 'fail: no append-only file: running work is lost when it restarts; it could not write its append-only file; answers take 30.0 ms'],
])('Redis %j', (differs, expected) => {
  expect(told(judgeRedis({ ...redis, ...differs }))).toBe(expected);
});

it.each([
  [0, 1, 'ok: as the clock of Redis'],
  [-150, 10, 'ok: 140 ms behind the clock of Redis'],
  [2_600, 500, 'warn: 2.1 s ahead of the clock of Redis'],
  [-29_000, 0, 'warn: 29.0 s behind the clock of Redis'],
  [45_000, 500, 'fail: 44.5 s ahead of the clock of Redis'],
])('a clock off by %d ms, known to %d ms', (offset, uncertain, expected) => {
  expect(told(judgeClock(offset, uncertain))).toBe(expected);
});

it('hosts', () => {
  const process = (host: string): WorkerProcess => ({ incarnation: host, host, pid: 1, startedAt: '1', bootId: 'b', pidNamespace: 'n', lockers: [] });
  const heard = (hosts: readonly string[], left: readonly string[] = []) => ({
    nowMs: 0, listeningSinceMs: 0, processes: [...hosts.map((host) => ({ process: process(host), seenMs: 0 })), ...left.map((host) => ({ process: process(host), seenMs: 0, left: true }))],
  });
  expect(told(judgeHosts(heard([]), () => true))).toBe('warn: no worker is heard');
  expect(told(judgeHosts(heard(['ie02', 'ie01'], ['ie09']), () => true))).toBe('ok: heard: ie01, ie02');
  expect(told(judgeHosts(heard(['ie02', 'ie01']), (host) => host === 'ie01'))).toBe('warn: not heard any more: ie02');
});

const directory: DirectoryFacts = { path: '/s', role: 'staging', kind: 'directory', failure: null, mode: 0o700, filesystem: 'xfs', freeBytes: 900 * GIB, sizeBytes: 1000 * GIB };

it.each<[Partial<DirectoryFacts>, string]>([
  [{}, 'ok: writable, xfs, 900GiB free'],
  [{ freeBytes: null, sizeBytes: null }, 'ok: writable, xfs, room unknown'],
  [{ kind: 'missing', failure: 'ENOENT' }, 'fail: does not exist'],
  [{ role: 'restore target', kind: 'missing', failure: 'ENOENT' }, 'warn: does not exist: nothing can be restored there'],
  [{ kind: 'unreachable', failure: 'no answer in 10 s' }, 'fail: cannot be reached (no answer in 10 s)'],
  [{ kind: 'file', failure: 'not a directory' }, 'fail: is not a directory'],
  [{ failure: 'EROFS' }, 'fail: cannot be written (EROFS)'],
  [{ role: 'catalog', failure: 'EPERM' }, 'fail: has no hard links (EPERM)'],
  [{ role: 'state', failure: 'EPERM' }, 'fail: cannot be written (EPERM)'],
  [{ freeBytes: 50 * GIB }, 'warn: xfs, only 50GiB free'],
  [{ filesystem: 'tmpfs' }, 'warn: lies in memory (tmpfs)'],
  [{ filesystem: 'tmpfs', role: 'restore target', mode: 0o1777 }, 'ok: writable, tmpfs, 900GiB free'],
  [{ mode: 0o777 }, 'fail: can be written by everybody'],
])('a directory %j', (differs, expected) => {
  expect(told(judgeDirectory({ ...directory, ...differs }))).toBe(expected);
});

const topdir: TopdirFacts = { kind: 'directory', failure: null, answers: true, sentinel: null, filesystem: 'lustre' };

it.each<[Partial<TopdirFacts>, string]>([
  [{}, 'ok: lustre, answers'],
  [{ sentinel: { path: '.mounted', isThere: true } }, 'ok: lustre, answers, sentinel is there'],
  [{ sentinel: { path: '.mounted', isThere: false } }, 'fail: its sentinel .mounted is not there: it counts as not mounted'],
  [{ answers: false }, 'fail: does not answer (it hangs)'],
  [{ kind: 'unreachable', failure: 'no answer in 10 s' }, 'fail: does not answer (no answer in 10 s)'],
  [{ kind: 'missing', failure: 'ENOENT', answers: false }, 'fail: does not exist'],
  [{ kind: 'file', failure: 'not a directory' }, 'fail: is not a directory'],
  [{ failure: 'EACCES' }, 'fail: cannot be read (EACCES)'],
])('a topdir %j', (differs, expected) => {
  expect(told(judgeTopdir({ ...topdir, ...differs }))).toBe(expected);
});

it.each([
  ['file', null, 0o600, 'ok: private (mode 0600)'],
  ['file', null, 0o640, 'fail: can be used by others (mode 0640)'],
  ['file', 'EACCES', 0o600, 'fail: cannot be read (EACCES)'],
  ['missing', 'ENOENT', 0, 'fail: does not exist'],
  ['directory', 'not a file', 0o700, 'fail: is not a file'],
] as const)('a secret: %s %s %d', (kind, failure, mode, expected) => {
  expect(told(judgeSecret({ kind, failure, mode }, '/etc/k'))).toBe(expected);
});

describe('a round trip', () => {
  const steps = [{ name: 'probe', ms: 2 }, { name: 'put', ms: 40 }] as const;

  it.each<[Trip, string]>([
    [{ steps, freeBytes: null, failed: null }, 'ok: probe 2 ms, put 40 ms'],
    [{ steps, freeBytes: 100 * GIB, failed: null }, 'ok: probe 2 ms, put 40 ms, 100GiB free'],
    [{ steps, freeBytes: 5 * GIB, failed: null }, 'warn: only 5GiB free; probe 2 ms, put 40 ms'],
    [{ steps: [], freeBytes: null, failed: { step: 'probe', error: new BwError('LTS_MISSING', { message: 'not there', retry: 'operator', hint: 'Mount it.', subject: '/lts' }) } }, 'fail: probe failed: LTS_MISSING: not there [/lts]'],
    [{ steps, freeBytes: null, failed: { step: 'verify', error: new Error('boom') } }, 'fail: verify failed: UNEXPECTED: boom; before: probe 2 ms, put 40 ms'],
  ])('%j', (trip, expected) => {
    expect(told(judgeTrip(trip))).toBe(expected);
  });

  it('tells people what to do', () => {
    const text = describeChecks('ie01', [
      { area: 'dar', subject: 'dar', state: 'ok', message: 'version 2.7.8', hint: null, ms: 3 },
      { area: 'redis', subject: '/r.sock', state: 'warn', message: 'slow', hint: 'Look.', ms: 3 },
      { area: 'lts', subject: 'tape', state: 'fail', message: 'put failed', hint: 'Mount it.', ms: 9 },
    ], plain);
    expect(text).toBe('ok    dar: version 2.7.8\nwarn  redis /r.sock: slow\n      -> Look.\nfail  lts tape: put failed\n      -> Mount it.\nie01: 3 checks, 1 failure, 1 warning\n');
    expect(describeChecks('ie01', [], plain)).toBe('ie01: 0 checks, all well\n');
  });
});
