import type { Arg, Command, ExitStatus } from './command.js';
import { programStatus } from './guarded.js';
import { wholeArgv } from './launch.js';
import { run, type RunOptions } from './run.js';

/** One program of a sequence, or a piece of shell text with its arguments as $1, $2 and so on, which must be constant. */
export type SequenceStep = ({ readonly command: Omit<Command, 'cwd'> } | { readonly script: string; readonly args: readonly Arg[] }) & {
  /** What it prints is appended here (0600); absolute. */
  readonly stdout: string;
  readonly stderr: string;
  /** The sequence ends after any other exit code. Default [0]. */
  readonly okCodes?: readonly number[];
};

/**
 * Runs short programs one after the other, all started by one shell: a start from here costs more than most of them take. They are not ended
 * cleanly when we die or are aborted, so they must be such that are simply done again. Resolves with how each of those that ran ended. Rejects what run() rejects.
 */
export async function runSequence(steps: readonly SequenceStep[], { env, ...options }: Pick<RunOptions, 'signal' | 'timeoutMs'> & Pick<Command, 'env'> = {}): Promise<ExitStatus[]> {
  const { stdout } = await run({ ...sequenceCommand(steps), ...(env === undefined ? {} : { env }) }, options);
  return stdout.toString('latin1').split('\n').slice(0, -1).map((code) => programStatus({ code: Number(code), signal: null }));
}

/** Every argument is a positional parameter of the shell, named by its number (pure but for looking programs up). */
export function sequenceCommand(steps: readonly SequenceStep[]): Command {
  const words: Arg[] = [];
  const word = (arg: Arg): string => `"\${${words.push(arg)}}"`;
  const lines = steps.map((step) => {
    const what = 'command' in step ? program(step.command, word) : `(set -- ${step.args.map(word).join(' ')}\n${step.script})`;
    const codes = (step.okCodes ?? [0]).join('|');
    return `${what} >>${word(step.stdout)} 2>>${word(step.stderr)}\nstatus=$?; echo $status\ncase $status in ${codes}) ;; *) exit 0 ;; esac`;
  });
  return { program: 'sh', args: ['-c', ['umask 077', ...lines].join('\n'), 'sh', ...words] };
}

function program(command: Omit<Command, 'cwd'>, word: (arg: Arg) => string): string {
  const settings = Object.entries(command.env ?? {}).map(([variable, value]) => `${variable}=${word(value)}`);
  return [...settings, ...wholeArgv(command).map(word)].join(' ');
}
