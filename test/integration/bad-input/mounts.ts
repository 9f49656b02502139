import { mkdir } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import { run } from '../../../shared/process/index.js';

/** Mounts a new, empty filesystem of `size` (`20m`) at a directory, made if need be; unmounted when the test ends. Needs root. */
export async function mountTmpfs(dir: string, size: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await run({ program: 'mount', args: ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'bw-test', dir] });
  onTestFinished(() => unmount(dir));
}

/** Shows a directory at another place too. Needs root. */
export async function bindMount(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await run({ program: 'mount', args: ['--bind', from, to] });
  onTestFinished(() => unmount(to));
}

export async function growTmpfs(dir: string, size: string): Promise<void> {
  await run({ program: 'mount', args: ['-o', `remount,size=${size}`, dir] });
}

/** Also a busy one, and no error if it is not mounted any more. */
export async function unmount(dir: string): Promise<void> {
  await run({ program: 'umount', args: ['--lazy', dir] }, { okCodes: [0, 1, 32] });
}
