import type { BwError } from './bw-error.js';

/** Exit codes of every command. A code not in this table means failure. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  exceptions: 3,
  nothingMatched: 4,
  serviceMissing: 5,
  internal: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The documented meaning of each. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done, and all is well',
  failed: 'failed: something is not safe',
  usage: 'the command line or the configuration is wrong; nothing was done',
  exceptions: 'finished, but named paths could not be saved or restored',
  nothingMatched: 'no such basepath, backup or path',
  serviceMissing: 'something needed is not there: Redis, dar, a program',
  internal: 'a bug: please report it',
};

const USAGE_CODES = new Set(['CONFIG_INVALID', 'USAGE', 'ARGUMENT_INVALID']);
const NOTHING_MATCHED_CODES = new Set(['BACKUP_NOT_FOUND', 'BASEPATH_UNKNOWN', 'TOPDIR_UNKNOWN', 'NOTHING_MATCHED']);
const SERVICE_CODES = new Set([
  'REDIS_UNREACHABLE',
  'REDIS_TOO_OLD',
  'REDIS_EVICTS',
  'REDIS_SERVER_MISSING',
  'REDIS_START_FAILED',
  'PROGRAM_NOT_FOUND',
  'DAR_MISSING',
  'DAR_TOO_OLD',
]);

/** The exit code a command ends with after this error. */
export function exitCodeOf(error: BwError): ExitCode {
  if (USAGE_CODES.has(error.code)) return EXIT.usage;
  if (NOTHING_MATCHED_CODES.has(error.code)) return EXIT.nothingMatched;
  if (SERVICE_CODES.has(error.code)) return EXIT.serviceMissing;
  return error.code === 'UNEXPECTED' ? EXIT.internal : EXIT.failed;
}
