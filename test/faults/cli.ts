import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { resolveProgram } from '../../shared/process/launch.js';
import type { CompiledProduct } from './compiled-product.js';

export interface CliRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Program and arguments in front of node, such as setpriv. */
  readonly prefix?: readonly string[];
  /** Default: this process' own. */
  readonly path?: string;
}

/** `bw-bkup ARGS` as a process of its own, to its end. */
export async function bwBkup(product: CompiledProduct, args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const [program = '', ...rest] = [...(options.prefix ?? []), process.execPath, join(product.dir, 'bin/bw-bkup.js'), ...args];
  const env = { PATH: options.path ?? process.env['PATH'], HOME: '/', LC_ALL: 'C' };
  const child = spawn(program, rest, { env, cwd: product.dir, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => { child.kill('SIGKILL'); });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { exitCode: child.exitCode, stdout, stderr };
}

/** A directory for PATH with only these programs. */
export async function pathWith(dir: string, programs: readonly string[], scripts: Readonly<Record<string, string>> = {}): Promise<string> {
  await mkdir(dir);
  for (const program of programs) await symlink(resolveProgram(program), join(dir, program));
  for (const [name, content] of Object.entries(scripts)) await writeFile(join(dir, name), content, { mode: 0o755 });
  return dir;
}
