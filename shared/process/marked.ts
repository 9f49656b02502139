import { readdir, readFile } from 'node:fs/promises';

/** Environment variable of programs that are not started one by one: what they work for, so that they are found again. */
export const WORK_MARK = 'BW_BKUP_WORK';

/** Processes that were started with this mark, and what they started. */
export async function findMarked(work: string): Promise<number[]> {
  const wanted = `${WORK_MARK}=${work}`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await environOf(pid)).includes(wanted) ? [pid] : [])));
  return found.flat();
}

/** Empty of one that has ended, and of another user's. */
async function environOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  return text.split('\0');
}
