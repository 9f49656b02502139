import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Directory of JavaScript that one test file made and the next one needs too (test/faults/compiled-product.ts). */
    transpiled: string;
  }
}

/** Of one run of vitest. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'bw-test-'));
  project.provide('transpiled', dir);
  return () => rm(dir, { recursive: true, force: true });
}
