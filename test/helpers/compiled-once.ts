import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Directory for the JavaScript that one test file made and the next one needs too (test/faults/compiled-product.ts). */
    compiled: string;
  }
}

/** Of one run of vitest. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'bw-test-'));
  await chmod(dir, 0o755); // some tests run the product as another user
  project.provide('compiled', dir);
  return () => rm(dir, { recursive: true, force: true });
}
