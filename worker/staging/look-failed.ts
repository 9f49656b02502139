import { BwError } from '../../shared/errors/bw-error.js';
import { errnoOf } from '../../shared/transfer/posix/fs-errors.js';

/** What lasts so long, and is met so often in a row, is no mishap. */
const LASTING = { looks: 4, ms: 1_000 };

/** Looks at staging that failed, in a row. */
export class FailedLooks {
  #count = 0;
  #sinceMs = 0;

  /** One that did not fail. */
  over(): void {
    this.#count = 0;
  }

  /** Notes one more; whether those who wait for room are to be told. Not where only room is wanting: it comes as slices leave, and is waited for. */
  isLasting(thrown: unknown, nowMs: number): boolean {
    if (this.#count === 0) this.#sinceMs = nowMs;
    this.#count += 1;
    return this.#count >= LASTING.looks && nowMs - this.#sinceMs >= LASTING.ms && !['ENOSPC', 'EDQUOT'].includes(errnoOf(thrown));
  }
}

/** What keeps us from knowing how much lies in staging (pure). `dir`: of staging; the error tells what in it. */
export function lookFailed(thrown: unknown, dir: string): BwError {
  if (thrown instanceof BwError) return thrown;
  return new BwError('STAGING_IO', {
    message: 'what lies in staging cannot be looked at, so nobody can be given room there',
    subject: pathOf(thrown) ?? dir,
    retry: 'retry',
    hint: 'Check the filesystem of staging (dmesg), and owner and modes of what lies there; what waits goes on by itself.',
    detail: String(thrown),
    cause: thrown,
  });
}

function pathOf(thrown: unknown): string | undefined {
  const path = thrown instanceof Error && 'path' in thrown ? thrown.path : undefined;
  return typeof path === 'string' ? path : undefined;
}
