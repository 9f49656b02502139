import { readdir, readFile } from 'node:fs/promises';

/**
 * What moves while programs work, as text to be compared with the next: positions of their open files, bytes that passed through reads and writes, processor
 * time. A hole that is read and a slow recall move it (a 20 GiB hole: the archive grows by 38 bytes); a call that hangs in the kernel moves nothing.
 * Null when none of them runs any more.
 */
export async function signsOfLife(pids: readonly number[]): Promise<string | null> {
  const signs = await Promise.all(pids.map(signsOf));
  const living = signs.filter((each) => each !== null);
  return living.length === 0 ? null : living.join('\n');
}

async function signsOf(pid: number): Promise<string | null> {
  const time = processorTime(await textOf(`/proc/${pid}/stat`));
  if (time === null) return null;
  const counters = /^rchar: \d+\nwchar: \d+/m.exec(await textOf(`/proc/${pid}/io`))?.[0] ?? ''; // not readable of another user's
  return `${pid} ${time} ${counters} ${await positions(pid)}`;
}

/** User and system time in ticks; null of a process that is gone, or only waits to be fetched. The name before may hold anything but ends with `)`. */
function processorTime(stat: string): string | null {
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (stat === '' || state === 'Z' || state === 'X') return null;
  return fields.slice(10, 12).join('+');
}

/** Positions of open files, by descriptor: of the file, from the kernel's own book-keeping, so that no filesystem is asked. */
async function positions(pid: number): Promise<string> {
  const descriptors = await readdir(`/proc/${pid}/fdinfo`).catch(() => []);
  const infos = await Promise.all(descriptors.map(async (fd) => `${fd}:${/^pos:\s+(\d+)/.exec(await textOf(`/proc/${pid}/fdinfo/${fd}`))?.[1] ?? ''}`));
  return infos.join(' ');
}

/** Empty when it is gone. */
function textOf(file: string): Promise<string> {
  return readFile(file, 'latin1').catch(() => '');
}
