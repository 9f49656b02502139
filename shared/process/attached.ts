import { execa } from 'execa';
import type { Command, ExitStatus } from './command.js';
import { launchOf } from './launch.js';
import { startFailed } from './spawn-child.js';

/**
 * Runs a program with our own terminal: its output and progress are the user's to see, and Ctrl-C at the
 * terminal reaches it as well as us. Rejects PROGRAM_NOT_FOUND, PROGRAM_START_FAILED, ARGUMENT_INVALID.
 */
export async function runAttached(command: Command): Promise<ExitStatus> {
  const { file, args, cwd, env } = launchOf(command, 'KILL');
  const result = await execa(file, args, { stdio: 'inherit', env, extendEnv: false, reject: false, ...(cwd === undefined ? {} : { cwd }) });
  if (result.exitCode === undefined && result.signal === undefined) throw startFailed(command.program, result.cause);
  return { code: result.exitCode ?? null, signal: result.signal ?? null };
}
