import { readdir, readFile } from 'node:fs/promises';
import { sendSignal } from './active-children.js';
import { GUARDIAN_SCRIPT } from './guardian-script.js';

/** Environment variable that all guarded programs and their guardians carry: the directory they write to. */
export const STAGING_MARK = 'BW_BKUP_STAGING';

/** A process of an earlier worker that still works for a staging directory. */
export interface Stray {
  readonly pid: number;
  /** It writes here: a start's directory. */
  readonly dir: string;
  /** Letter of /proc/PID/stat: R, S, D, T (stopped), ... */
  readonly state: string;
  /** False when its guardian is gone: if it is stopped, nobody else will ever end it. */
  readonly guarded: boolean;
  readonly termPending: boolean;
}

/**
 * Guarded programs that write in or below `stagingDir`, whoever started them (guardians and what the programs started
 * are left out). Sweep a staging directory only when none is left.
 */
export async function findStrays(stagingDir: string): Promise<Stray[]> {
  const marked = new Map<number, ProcessFacts>();
  for (const name of await readdir('/proc')) {
    const facts = /^\d+$/.test(name) ? await readFacts(Number(name), stagingDir) : null;
    if (facts !== null) marked.set(facts.pid, facts);
  }
  return [...marked.values()]
    .filter(({ isGuardian, parent }) => !isGuardian && marked.get(parent)?.isGuardian !== false)
    .map(({ pid, dir, state, parent, termPending }) => ({ pid, dir, state, guarded: marked.has(parent), termPending }));
}

/**
 * Lets the unguarded programs of `stagingDir` end: a stopped dar acts on its pending TERM only when it
 * continues, and one that has none gets it now. To be called when a worker starts, before it sweeps.
 * @returns pids it signalled
 */
export async function continueStrays(stagingDir: string): Promise<number[]> {
  const orphans = (await findStrays(stagingDir)).filter((stray) => !stray.guarded && stray.state === 'T');
  for (const orphan of orphans) {
    if (!orphan.termPending) sendSignal(orphan.pid, 'SIGTERM');
    sendSignal(orphan.pid, 'SIGCONT');
  }
  return orphans.map((orphan) => orphan.pid);
}

interface ProcessFacts {
  readonly pid: number;
  readonly dir: string;
  readonly parent: number;
  readonly isGuardian: boolean;
  readonly state: string;
  readonly termPending: boolean;
}

async function readFacts(pid: number, stagingDir: string): Promise<ProcessFacts | null> {
  try {
    const environ = await readFile(`/proc/${pid}/environ`);
    const mark = environ.toString('utf8').split('\0').find((variable) => variable.startsWith(`${STAGING_MARK}=`));
    if (mark === undefined || !`${mark.slice(STAGING_MARK.length + 1)}/`.startsWith(`${stagingDir}/`)) return null;
    const isGuardian = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(GUARDIAN_SCRIPT);
    return parseStatus(pid, mark.slice(STAGING_MARK.length + 1), isGuardian, await readFile(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return null; // ended meanwhile, or another user's: not ours to signal
  }
}

function parseStatus(pid: number, dir: string, isGuardian: boolean, status: string): ProcessFacts {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
  return {
    pid,
    dir,
    parent: Number(field('PPid')),
    isGuardian,
    state: field('State'),
    termPending: hasTerm(field('SigPnd')) || hasTerm(field('ShdPnd')),
  };
}

/** Bit 14 of the mask is signal 15, TERM. */
function hasTerm(hexMask: string): boolean {
  return hexMask !== '' && (BigInt(`0x${hexMask}`) >> 14n & 1n) === 1n;
}
