/** A line (or the rest of a file) that could not be used. */
export interface JournalProblem {
  /** torn: the end of a file without newline, cut off by a crash or being written right now · unknown: from a newer bw-bkup · unreadable: the rest of the file, by a system error. */
  readonly kind: 'torn' | 'damaged' | 'unknown' | 'unreadable';
  /** File name in the journal directory. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly why: string;
}

/** How many of each are kept with their place; all are counted. */
const KEPT = 20;

/** Counts problems of a reading in bounded memory; pass `add` as `onProblem`. */
export class JournalProblems {
  readonly counts: Record<JournalProblem['kind'], number> = { torn: 0, damaged: 0, unknown: 0, unreadable: 0 };
  readonly first: JournalProblem[] = [];

  readonly add = (problem: JournalProblem): void => {
    this.counts[problem.kind] += 1;
    if (this.first.length < KEPT) this.first.push(problem);
  };
}
