import { spawn } from 'node:child_process';
import type { Command, ExitStatus } from './command.js';
import { launchOf } from './launch.js';
import { exitOf, startFailed } from './spawn-child.js';

/**
 * Runs a program with our own terminal: its output and progress are the user's to see, and Ctrl-C at the
 * terminal reaches it as well as us. Rejects PROGRAM_NOT_FOUND, PROGRAM_START_FAILED, ARGUMENT_INVALID.
 */
export async function runAttached(command: Command): Promise<ExitStatus> {
  const { file, args, cwd, env } = launchOf(command, 'KILL');
  const options = { stdio: 'inherit' as const, env, ...(cwd === undefined ? {} : { cwd }) };
  try {
    return await exitOf(command.program, spawn(file, args, options));
  } catch (error) {
    throw startFailed(command.program, error);
  }
}
