import { readFile, readlink } from 'node:fs/promises';

/** When a process of this host was started, in clock ticks since the boot: the same pid may come again. Null: no such process. (Field 22 of /proc/PID/stat.) */
export async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

/** Which process this is, so that a later one can tell that it is dead. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
  /** Another one after every boot of the host. */
  readonly bootId: string;
  /** In another one (another container) pids mean something else. */
  readonly pidNamespace: string;
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')).trim();
  const pidNamespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '', bootId, pidNamespace };
}
