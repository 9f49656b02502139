import { formatError, toBwError, type BwError } from '../shared/errors/bw-error.js';
import { exitCodeOf } from '../shared/errors/exit-codes.js';

/**
 * A command as commander calls it: the process ends with its exit code, or its error's. The error goes to standard error for people and,
 * with --json, also to standard output for programs.
 */
export function ending<Args extends unknown[]>(run: (...args: Args) => Promise<number>): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      process.exitCode = await run(...args);
    } catch (thrown) {
      const error = toBwError(thrown);
      process.stderr.write(`${formatError(error)}\n`);
      if (error.code === 'UNEXPECTED' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack ?? ''}\n`);
      if (wantsJson(args)) await printError(error);
      process.exitCode = exitCodeOf(error);
    }
  };
}

/** commander passes positional arguments, then the options, then the command itself. */
function wantsJson(args: readonly unknown[]): boolean {
  return args.some((arg) => typeof arg === 'object' && arg !== null && 'json' in arg && arg.json === true);
}

async function printError({ code, message, subject, detail, hint }: BwError): Promise<void> {
  const [{ errorOutput }, { printJson }] = await Promise.all([import('../producer/cli/outputs.js'), import('../producer/cli/print.js')]);
  printJson(errorOutput, { v: 1, error: { code, message, subject: subject ?? null, detail: detail ?? null, hint } });
}
