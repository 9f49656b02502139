import { readlink, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { findStrays } from '../../../shared/process/strays.js';
import type { TestSite } from '../../helpers/site.js';
import { descendantsOf } from '../worker-process.js';
import { stagingDirs } from './workers.js';

/** Workers, and their launchers: they may run between jobs. */
const OURS = /^node/;
/** So may servers, with the guardians that have them in their arguments. */
const SERVERS = /(redis|valkey)-(server|sentinel)/;

/** Processes that work for a staging directory, and programs below this process. */
export async function processProblems(site: TestSite): Promise<string[]> {
  const strays = (await Promise.all([...(await stagingDirs(site)).values()].map(findStrays))).flat();
  const below = await Promise.all((await descendantsOf(process.pid)).map(describe));
  return [...strays.map(({ pid, state }) => `stray ${pid} (${state})`), ...below.flatMap((each) => (each === null ? [] : [each]))];
}

/** Null for one that may be there, or is not any more. */
async function describe(pid: number): Promise<string | null> {
  const program = basename(await readlink(`/proc/${pid}/exe`).catch(() => ''));
  const args = (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).split('\0').join(' ');
  if (program === '' || OURS.test(program) || SERVERS.test(args)) return null;
  return `process ${pid}: ${args.slice(-200)}`;
}
