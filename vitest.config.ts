import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Needs modules of its own, because it replaces some. */
const MOCKING = ['test/unit/shared/transfer/posix/directories.test.ts'];

/** Files that take one to three minutes each. */
const LONG = /random-chains-\d|-edges?\.test/;

/** Begins with what is long: at the end one of them alone would keep one core busy and leave the others idle. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(({ moduleId }) => LONG.test(moduleId)), ...sorted.filter(({ moduleId }) => !LONG.test(moduleId))];
  }
}

export default defineConfig({
  test: {
    // Two cores: integration files each start their own Redis, so more workers only queue up.
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    // Nothing is proven by these: they end what hangs. Machines that run tests stand still for seconds now and then.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    restoreMocks: true,
    // A message says what differs, not `[ { …(4) } ]`: of a run elsewhere nothing but messages may be left.
    chaiConfig: { truncateThreshold: 1_000 },
    globalSetup: 'test/helpers/compiled-once.ts',
    projects: [
      // Pure functions share what they import: loading it anew for each of 180 files takes as long as all their tests.
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], exclude: MOCKING, isolate: false } },
      { extends: true, test: { name: 'apart', include: ['test/{conformance,faults,integration}/**/*.test.ts', ...MOCKING] } },
    ],
  },
});
