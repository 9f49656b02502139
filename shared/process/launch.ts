import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { BwError } from '../errors/bw-error.js';
import { launchable } from './argument-bytes.js';
import type { Arg, Command } from './command.js';
import { nicePrefix } from './niceness.js';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What Node's spawn is given. */
export interface Launch {
  readonly file: string;
  readonly args: string[];
  readonly cwd: string | undefined;
  readonly env: Record<string, string>;
}

/**
 * How to start a command so that the kernel sends it `deathSignal` when the thread that started it ends. (If that
 * happens in the millisecond before setpriv has asked for it, the program runs on to its own end.)
 * Throws PROGRAM_NOT_FOUND, ARGUMENT_INVALID.
 */
export function launchOf(command: Command, deathSignal: 'KILL'): Launch {
  const plain = plainLaunchOf(command);
  if (!hasPdeathsig()) return plain;
  return { ...plain, file: resolveProgram('setpriv'), args: ['--pdeathsig', deathSignal, '--', plain.file, ...plain.args] };
}

/** How to start a command for which another process answers: a launcher ends what it started when we are gone. Throws as launchOf. */
export function plainLaunchOf(command: Command): Launch {
  const { argv, cwd } = launchable(wholeArgv(command), command.cwd);
  const [file, ...args] = argv as [string, ...string[]];
  return { file, args, cwd, env: childEnv(command.env) };
}

/** Its program by absolute path and its arguments, behind what makes it nice. Throws PROGRAM_NOT_FOUND. */
export function wholeArgv({ program, args, polite }: Command): Arg[] {
  const orNull = (name: string): string | null => (hasProgram(name) ? resolveProgram(name) : null);
  return [...(polite === true ? nicePrefix(orNull) : []), resolveProgram(program), ...args];
}

/** Only what programs need: a user's or an operator's shell settings must not change what is saved. */
export function childEnv(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: searchPath(), HOME: '/', TMPDIR: tmpdir(), LC_ALL: 'C', ...extra };
}

function searchPath(): string {
  const path = process.env['PATH'];
  return path === undefined || path === '' ? DEFAULT_PATH : path;
}

const resolved = new Map<string, string>();

/** Absolute path of a program (remembered). Throws PROGRAM_NOT_FOUND. */
export function resolveProgram(program: string): string {
  const known = resolved.get(`${searchPath()}\0${program}`);
  if (known !== undefined && isExecutable(known)) return known;
  const candidates = program.includes('/') ? [program] : searchPath().split(delimiter).map((dir) => join(dir, program));
  const found = candidates.find(isExecutable);
  if (found === undefined) throw programNotFound(program);
  resolved.set(`${searchPath()}\0${program}`, found);
  return found;
}

/** Whether a program is there, without starting it. */
export function hasProgram(program: string): boolean {
  try {
    resolveProgram(program);
    return true;
  } catch (error) {
    if (error instanceof BwError && error.code === 'PROGRAM_NOT_FOUND') return false;
    throw error;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // not there, or not ours to start: the next candidate decides
  }
}

function programNotFound(program: string): BwError {
  return new BwError('PROGRAM_NOT_FOUND', {
    message: `Program ${program} is not installed or not on PATH`,
    retry: 'operator',
    hint: `Install ${program} (deploy/setup.sh lists what is needed) or correct PATH of the service, then retry.`,
    subject: program,
    detail: `PATH=${searchPath()}`,
  });
}

let pdeathsig: boolean | undefined;

/**
 * Whether setpriv can tie children to our life (util-linux 2.33+; probed once). Where it cannot, children
 * still end with a regular exit of ours, and guarded ones always, but not plain ones after a SIGKILL.
 */
export function hasPdeathsig(): boolean {
  pdeathsig ??= spawnSync('setpriv', ['--pdeathsig', 'KILL', '--', 'true'], { env: childEnv(), stdio: 'ignore' }).status === 0;
  return pdeathsig;
}
