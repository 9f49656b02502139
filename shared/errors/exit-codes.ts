import type { BwError } from './bw-error.js';

/** Exit codes of every command. A code not in this table means failure. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  exceptions: 3,
  nothingMatched: 4,
  serviceMissing: 5,
  pastDue: 6,
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
  pastDue: 'status --check: basepaths are past due',
  internal: 'a bug: please report it',
};

/** Errors that end a command with more than "failed". Codes: codes.md. */
export const EXIT_BY_ERROR: Readonly<Record<string, keyof typeof EXIT>> = {
  CONFIG_INVALID: 'usage',
  USAGE: 'usage',
  BACKUP_AMBIGUOUS: 'usage',
  REDIS_NOT_CONFIGURED: 'usage',
  BACKUP_NOT_FOUND: 'nothingMatched',
  BASEPATH_UNKNOWN: 'nothingMatched',
  NO_BACKUP: 'nothingMatched',
  NOT_HELD: 'nothingMatched',
  NOT_RUNNING: 'nothingMatched',
  NOTHING_TO_CANCEL: 'nothingMatched',
  NOTHING_TO_ACCEPT: 'nothingMatched',
  RESTORE_PATH_UNKNOWN: 'nothingMatched',
  TOPDIR_UNKNOWN: 'nothingMatched',
  DAR_MISSING: 'serviceMissing',
  DAR_TOO_OLD: 'serviceMissing',
  DAR_UNRECOGNISED: 'serviceMissing',
  PROGRAM_NOT_FOUND: 'serviceMissing',
  REDIS_EVICTS: 'serviceMissing',
  REDIS_FULL: 'serviceMissing',
  REDIS_REFUSED: 'serviceMissing',
  REDIS_SERVER_MISSING: 'serviceMissing',
  REDIS_START_FAILED: 'serviceMissing',
  REDIS_TOO_OLD: 'serviceMissing',
  REDIS_UNREACHABLE: 'serviceMissing',
  ARGUMENT_INVALID: 'internal',
  UNEXPECTED: 'internal',
};

/** The exit code a command ends with after this error. */
export function exitCodeOf(error: BwError): ExitCode {
  if (error.code.startsWith('DAR_LACKS_')) return EXIT.serviceMissing;
  return EXIT[(Object.hasOwn(EXIT_BY_ERROR, error.code) ? EXIT_BY_ERROR[error.code] : undefined) ?? 'failed'];
}
