import { defineConfig } from 'vitest/config';

/** Needs modules of its own, because it replaces some. */
const MOCKING = ['test/unit/shared/transfer/posix/directories.test.ts'];

export default defineConfig({
  test: {
    // Two cores: integration files each start their own Redis, so more workers only queue up.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    restoreMocks: true,
    globalSetup: 'test/helpers/transpiled-once.ts',
    projects: [
      // Pure functions share what they import: loading it anew for each of 180 files takes as long as all their tests.
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], exclude: MOCKING, isolate: false } },
      { extends: true, test: { name: 'apart', include: ['test/{conformance,faults,integration}/**/*.test.ts', ...MOCKING] } },
    ],
  },
});
