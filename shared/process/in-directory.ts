import type { Arg, Command } from './command.js';

const ENTER = 'cd -- "$1" || exit 126; shift; exec "$@"';

/**
 * A command that enters its directory itself. With `cwd` it is entered before the program begins, and whoever starts it waits for that: in a mount that
 * hangs our event loop would stand still, or that of the launcher, and nothing else could be started any more. Exit code 126: there is no such directory.
 */
export function inDirectory(directory: Arg, { program, args }: Pick<Command, 'program' | 'args'>): Command {
  return { program: 'sh', args: ['-c', ENTER, 'sh', directory, program, ...args] };
}
