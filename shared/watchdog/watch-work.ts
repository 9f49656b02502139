import { findMarked, signsOfLife } from '../process/index.js';
import { keepLooking } from './looks.js';

export interface WorkWatch {
  /** Aborted when nothing of the work moved for the whole timeout. */
  readonly hung: AbortSignal;
  readonly stop: () => void;
}

/**
 * Watches programs that are started as one and are not guarded, by their mark (WORK_MARK in their environment): a find, a sequence of short programs. Whoever
 * runs them ends them when `hung` aborts: TERM, KILL, and what survives that is not waited for (shared/process).
 */
export function watchWork(work: string, inactivityMs: number): WorkWatch {
  const hung = new AbortController();
  const stop = keepLooking({
    inactivityMs,
    signs: async () => signsOfLife(await findMarked(work)),
    act: () => {
      hung.abort();
      stop();
    },
  });
  return { hung: hung.signal, stop };
}
