import { BwError } from '../../shared/errors/bw-error.js';
import { EXIT, exitCodeOf, type ExitCode } from '../../shared/errors/exit-codes.js';
import { parseFailedReason } from '../../shared/runs/fail-run.js';

/** The exit code for a job that failed with this reason (`CODE: message`): as if the command itself had found it; a reason without code is a failure like others. */
export function jobExitCode(reason: string | null): ExitCode {
  const { code, message } = parseFailedReason(reason ?? '');
  if (code === 'UNEXPECTED') return EXIT.failed;
  return exitCodeOf(new BwError(code, { message, retry: 'permanent', hint: '' }));
}
