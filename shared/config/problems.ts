import { BwError } from '../errors/bw-error.js';

/** One thing wrong with the configuration. Values are masked where their key is secret. */
export interface ConfigProblem {
  /** Where the value came from: `FILE:LINE`, `environment BW_...`, `--set KEY`, or `default`. */
  readonly file: string;
  /** Dotted key, such as `topdirs[0].dar.sliceSize`; '' = the file as a whole. */
  readonly key: string;
  readonly value: string | null;
  /** Continues the sentence "KEY VALUE ...". */
  readonly problem: string;
  readonly remedy: string;
}

/** A problem found by a rule on values: where they came from is looked up afterwards. */
export type Finding = Omit<ConfigProblem, 'file'>;

/** All that is wrong with a configuration, at once. Code CONFIG_INVALID. */
export class ConfigError extends BwError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('CONFIG_INVALID', {
      message: `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`,
      retry: 'operator',
      hint: 'Correct what is named above; `bw-bkup config check` says when all is well.',
      detail: problems.map(formatProblem).join('\n'),
    });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Two lines for people: what is wrong where, and what to do. */
export function formatProblem({ file, key, value, problem, remedy }: ConfigProblem): string {
  const what = [key, value === null ? '' : JSON.stringify(value), problem].filter((part) => part !== '').join(' ');
  return `${file}: ${what}\n  -> ${remedy}`;
}
