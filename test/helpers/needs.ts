import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Listed by deploy/test-report.ts: vitest's JSON report drops the note given to skip(). */
    skipReason?: string;
  }
}

/** Skips the running test, telling why, unless what it needs is there. */
export function needs(context: TestContext, isThere: boolean, what: string): void {
  if (isThere) return;
  context.task.meta.skipReason = `needs ${what}`;
  context.skip(`needs ${what}`);
}

export function needsRoot(context: TestContext): void {
  needs(context, process.getuid?.() === 0, 'root');
}
