import { describe, expect, it } from 'vitest';
import { jobExitCode } from '../../../../producer/cli/job-exit-code.js';
import { EXIT } from '../../../../shared/errors/exit-codes.js';

describe('exit code of a failed job', () => {
  it.each([
    ['RESTORE_PATH_UNKNOWN: the backup does not hold these paths\n  nope', EXIT.nothingMatched],
    ['PROGRAM_NOT_FOUND: zstd is not installed', EXIT.serviceMissing],
    ['DAR_LACKS_ZSTD: no zstd', EXIT.serviceMissing],
    ['SOURCE_EMPTY: the basepath is empty', EXIT.failed],
    ['job stalled more than allowable limit', EXIT.failed],
    [null, EXIT.failed],
  ])('%s', (reason, expected) => {
    expect(jobExitCode(reason)).toBe(expected);
  });
});
