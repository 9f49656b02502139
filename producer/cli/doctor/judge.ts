import type { PathFact } from '../../../shared/config/facts.js';
import { formatSize } from '../../../shared/config/units.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import type { Heard } from '../../../shared/hosts/silence.js';
import { fail, ok, warn, worst, type Finding } from './finding.js';
import type { Trip } from './round-trip.js';

/** What the server of Redis says of itself, and how fast it answers. */
export interface RedisFacts {
  readonly version: string;
  readonly aof: boolean;
  /** Of its last writes to disk. */
  readonly aofOk: boolean;
  readonly policy: string;
  /** Slowest of a few answers, ms. */
  readonly latencyMs: number;
  readonly usedBytes: number;
  /** 0 = no limit. */
  readonly maxBytes: number;
}

/** A job takes tens of round trips: at 20 ms small basepaths wait for Redis more than for disks. */
const SLOW_REDIS_MS = 20;
/** Jobs and locks of a site take some MB; a server this full refuses them soon. */
const FULL_SHARE = 0.9;

/** Evicting and too old is told by an error before (pure). */
export function judgeRedis({ version, aof, aofOk, policy, latencyMs, usedBytes, maxBytes }: RedisFacts): Finding {
  const latency = latencyMs.toFixed(1);
  return worst([
    ok(`version ${version}, AOF, ${policy}, answers within ${latency} ms`),
    ...(aof ? [] : [warn('no append-only file: running work is lost when it restarts', 'Set `appendonly yes` in redis.conf, or `CONFIG SET appendonly yes`; sealed backups are not affected.')]),
    ...(aofOk ? [] : [fail('it could not write its append-only file', 'Make room on the disk of Redis; see its log.')]),
    ...(latencyMs <= SLOW_REDIS_MS ? [] : [warn(`answers take ${latency} ms`, 'Put Redis near the workers, and look for slow disks (`redis-cli --latency`).')]),
    ...(maxBytes === 0 || usedBytes < maxBytes * FULL_SHARE ? [] : [warn(`${formatSize(usedBytes)} of maxmemory ${formatSize(maxBytes)} is used`, 'Raise maxmemory: a full Redis takes no new work.')]),
  ]);
}

/** Timestamps of a file and of the scan are compared within index.racyWindow, 60 s by default; logs of hosts are read side by side. */
const CLOCK_WARN_MS = 2_000;
const CLOCK_FAIL_MS = 30_000;

/** How far a clock is off that of Redis; `uncertainMs`: what the answer took (pure). */
export function judgeClock(offsetMs: number, uncertainMs: number): Finding {
  const off = Math.max(0, Math.abs(offsetMs) - uncertainMs);
  const told = `${off < 1000 ? `${Math.round(off)} ms` : `${(off / 1000).toFixed(1)} s`} ${offsetMs < 0 ? 'behind' : 'ahead of'} the clock of Redis`;
  if (off <= CLOCK_WARN_MS) return ok(off < 100 ? 'as the clock of Redis' : told);
  const hint = 'Have chrony or ntpd keep the time of this host and of the one Redis runs on.';
  return off <= CLOCK_FAIL_MS ? warn(told, hint) : fail(told, hint);
}

/** Workers on record, who is heard and how their clocks go; `isHeard`: see shared/hosts/silence.ts (pure). */
export function judgeHosts(heard: Heard, isHeard: (host: string) => boolean): Finding {
  const hosts = [...new Set(heard.processes.filter(({ left }) => left !== true).map(({ process }) => process.host))].sort();
  const silent = hosts.filter((host) => !isHeard(host));
  const there = hosts.filter((host) => !silent.includes(host));
  return worst([
    there.length === 0 ? warn('no worker is heard', 'Start one: systemctl start bw-bkup-worker (a standalone or a command that works alone needs none).') : ok(`heard: ${there.join(', ')}`),
    ...(silent.length === 0 ? [] : [warn(`not heard any more: ${silent.join(', ')}`, 'Look at these hosts: `systemctl status bw-bkup-worker`; what they had is done elsewhere after ten minutes.')]),
  ]);
}

/** A directory of ours as a role needs it, and its filesystem. */
export interface DirectoryFacts extends Pick<PathFact, 'kind' | 'failure' | 'mode'> {
  readonly path: string;
  readonly role: 'staging' | 'catalog' | 'state' | 'restore target';
  readonly filesystem: string;
  readonly freeBytes: number | null;
  readonly sizeBytes: number | null;
}

const FREE_SHARE = 0.1;
const IN_MEMORY: ReadonlySet<string> = new Set(['tmpfs', 'ramfs']);
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']);

/** Present, writable, of what kind and with how much room (pure). */
export function judgeDirectory({ path, role, kind, failure, mode, filesystem, freeBytes, sizeBytes }: DirectoryFacts): Finding {
  if (kind === 'missing' && role === 'restore target') return warn('does not exist: nothing can be restored there', `mkdir -m 700 ${path}, or name other directories in restore.allowedTargets.`);
  if (kind === 'missing') return fail('does not exist', `Mount its filesystem, or: mkdir -m 700 ${path}`);
  if (kind === 'unreachable') return fail(`cannot be reached (${failure ?? 'no reason'})`, 'Look at the mount, and at the permissions of the directories above it.');
  if (kind !== 'directory') return fail('is not a directory', 'Name a directory in the configuration.');
  if (failure !== null && role === 'catalog' && NO_LINKS.has(failure)) return fail(`has no hard links (${failure})`, 'Choose a filesystem with hard links: sealing a backup is one link.');
  if (failure !== null) return fail(`cannot be written (${failure})`, `Give it to the user bw-bkup runs as, and see that its filesystem is not full or read-only: chown USER ${path}`);
  const room = freeBytes === null ? 'room unknown' : `${formatSize(freeBytes)} free`;
  const isFull = freeBytes !== null && sizeBytes !== null && freeBytes < sizeBytes * FREE_SHARE;
  return worst([
    ok(`writable, ${filesystem}, ${room}`),
    ...(isFull ? [warn(`${filesystem}, only ${room}`, role === 'staging' ? 'Free room, or lower staging.budget: backups wait while staging is full.' : 'Free room.')] : []),
    ...(IN_MEMORY.has(filesystem) && role !== 'restore target' ? [warn(`lies in memory (${filesystem})`, role === 'staging' ? 'What is staged is lost at a reboot, and done again.' : 'Move it to a disk: it is lost at a reboot.')] : []),
    ...((mode & 0o002) === 0 || role === 'restore target' ? [] : [fail('can be written by everybody', `chmod 700 ${path}`)]),
  ]);
}

/** What is seen of a topdir on this host. */
export interface TopdirFacts extends Pick<PathFact, 'kind' | 'failure'> {
  readonly answers: boolean;
  /** null: none is configured. */
  readonly sentinel: { readonly path: string; readonly isThere: boolean } | null;
  readonly filesystem: string;
}

/** (pure) */
export function judgeTopdir({ kind, failure, answers, sentinel, filesystem }: TopdirFacts): Finding {
  if (kind === 'missing') return fail('does not exist', 'Mount it, or correct the path; nothing of it is backed up meanwhile.');
  if (kind === 'unreachable' || !answers) return fail(`does not answer (${failure ?? 'it hangs'})`, 'Look at the mount and its server; `bw-bkup status` tells what waits for it.');
  if (kind !== 'directory') return fail('is not a directory', 'Name a directory in the configuration.');
  if (failure !== null) return fail(`cannot be read (${failure})`, 'Run as a user who can read it (root, not squashed).');
  if (sentinel !== null && !sentinel.isThere) return fail(`its sentinel ${sentinel.path} is not there: it counts as not mounted`, 'Mount it, or make the sentinel where the right filesystem is mounted.');
  return ok(`${filesystem}, answers${sentinel === null ? '' : ', sentinel is there'}`);
}

/** (pure) */
export function judgeSecret({ kind, failure, mode }: Pick<PathFact, 'kind' | 'failure' | 'mode'>, path: string): Finding {
  if (kind === 'missing') return fail('does not exist', 'Create it with mode 0600, or correct the path.');
  if (kind !== 'file') return fail('is not a file', 'Name a file in the configuration.');
  if (failure !== null) return fail(`cannot be read (${failure})`, `Give it to the user bw-bkup runs as: chown USER ${path}`);
  if ((mode & 0o077) !== 0) return fail(`can be used by others (mode 0${mode.toString(8)})`, `chmod 600 ${path}`);
  return ok(`private (mode 0${mode.toString(8)})`);
}

/** Below this, the next slices find the storage full: the default slice is 32 GiB. */
const LTS_LOW_BYTES = 64 * 2 ** 30;

/** (pure) */
export function judgeTrip({ steps, freeBytes, failed }: Trip): Finding {
  const times = steps.map(({ name, ms }) => `${name} ${ms} ms`).join(', ');
  if (failed !== null) {
    const { code, message, subject, hint, detail } = toBwError(failed.error);
    const what = `${failed.step} failed: ${code}: ${message}${subject === undefined ? '' : ` [${subject}]`}${detail === undefined ? '' : ` (${detail.split('\n')[0] ?? ''})`}`;
    return fail(times === '' ? what : `${what}; before: ${times}`, hint);
  }
  const room = freeBytes === null ? '' : `, ${formatSize(freeBytes)} free`;
  return worst([
    ok(`${times}${room}`),
    ...(freeBytes !== null && freeBytes < LTS_LOW_BYTES ? [warn(`only ${formatSize(freeBytes)} free; ${times}`, 'Make room or raise the quota before it is full; `bw-bkup usage` tells what takes it.')] : []),
  ]);
}
