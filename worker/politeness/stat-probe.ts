import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';
import { run } from '../../shared/process/index.js';

/** Entries of a directory that is read which are asked about in turn, and how many at a time. */
const KNOWN_PATHS = 256;
const ASKED = 8;
/** Starting stat costs this, ms (measured: 0.9 to 1.3); it is taken off. */
const START_MS = 1;

/** What does not list so many names in this time says nothing, ms; whoever reads it finds out. */
const SAMPLE_TIMEOUT_MS = 10_000;
const SAMPLE = `find "$1" -mindepth 1 -maxdepth 1 -print0 | head -zn ${KNOWN_PATHS}`;

/** Paths of a source to ask about: the first its directory holds; without any, or when it does not answer, the directory itself. */
export async function samplePaths(root: BytePath): Promise<BytePath[]> {
  const listed = await run({ program: 'sh', args: ['-c', SAMPLE, 'sh', bytePath.toBuffer(root)] }, { timeoutMs: SAMPLE_TIMEOUT_MS }).catch(() => null);
  const paths = listed === null ? [] : listed.stdout.toString('latin1').split('\0').filter((path) => path !== '').map((path) => bytePath.of(path));
  return paths.length === 0 ? [root] : paths;
}

let fresh: Promise<readonly string[]> | undefined;

/** --cached=never asks the server, where the filesystem knows the difference (coreutils 8.32 and later; tried once). */
function freshArgs(): Promise<readonly string[]> {
  const args = ['--cached=never'];
  fresh ??= run({ program: 'stat', args: [...args, '--format=', '/'] }).then(() => args, () => []);
  return fresh;
}

/** Time of one stat of the source, ms: by a program of its own, because a filesystem that hangs would take a thread of this process with it. */
export async function statProbe(paths: readonly BytePath[], turn: number, timeoutMs: number): Promise<number> {
  const asked = Array.from({ length: Math.min(ASKED, paths.length) }, (_, index) => paths[(turn * ASKED + index) % paths.length] as BytePath);
  const args = [...(await freshArgs()), '-c', '', '--', ...asked.map((path) => bytePath.toBuffer(path))];
  const startedAt = performance.now();
  const { wallMs } = await run({ program: 'stat', args }, { timeoutMs, okCodes: [0, 1] }) // 1: something is gone by now
    .catch(() => ({ wallMs: (performance.now() - startedAt) * asked.length }));
  return Math.max(0, wallMs - START_MS) / asked.length;
}
