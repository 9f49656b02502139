import { BwError, type BwErrorFields } from '../errors/bw-error.js';
import { describeStatus, type ExitStatus } from '../process/index.js';
import { messageText, type DarMessages } from './messages.js';

/**
 * How a `dar -c` ended that left an archive.
 * complete: dar saw no problem · unreadable: some files could not be read, the rest is saved ·
 * changed: some changed while read, saved but dirty · interrupted: closed early because we asked; to be tested.
 */
export type CreateMeaning = 'complete' | 'unreadable' | 'changed' | 'interrupted';

/** What is known of the end of a `dar -c`. */
export interface CreateEnd {
  readonly status: ExitStatus;
  readonly terminatedByUs: boolean;
  readonly messages: DarMessages;
  /** The staging filesystem has no room left: evidence where dar could not even write its message. */
  readonly diskFull: boolean;
  /** For the error's subject: the archive's name. */
  readonly archive: string;
}

const NO_SPACE = /No space left on device|Disk quota exceeded/;

/** Exit codes of `dar -c` without a signal of ours that leave an archive: see meaningOf. */
export const EXITS_WITH_ARCHIVE = [0, 5, 11] as const;

/** The one table of what exit codes of `dar -c` mean (dar(1), and tried with 2.7.8). Throws what left no usable archive. */
export function meaningOf(end: CreateEnd): CreateMeaning {
  switch (end.status.code) {
    case 0:
      return 'complete';
    case 5:
      return 'unreadable';
    case 11:
      return 'changed';
    case 4:
      return meaningOfAbort(end);
    case 2:
      throw environment(end);
    default:
      throw end.terminatedByUs ? spoiled(end) : crashed(end);
  }
}

/** dar aborts with 4 after our signal, and whenever it has a question (-Q answers "no"). */
function meaningOfAbort(end: CreateEnd): CreateMeaning {
  if (says(end, NO_SPACE)) throw stagingFull(end);
  if (says(end, /about to be overwritten|overwriting not allowed/)) throw sliceExists(end);
  if (end.terminatedByUs) return 'interrupted';
  if (says(end, /Received signal/)) throw stoppedByOthers(end);
  if (end.diskFull) throw stagingFull(end);
  throw failure('DAR_ABORTED', end, {
    message: 'dar had a question nobody is there to answer, and gave up',
    retry: 'retry',
    hint: 'Its question is below; if it comes again, look at the path it names.',
  });
}

function environment(end: CreateEnd): BwError {
  if (says(end, NO_SPACE)) return stagingFull(end);
  if (says(end, /Cannot read filesystem information|must be a directory/)) {
    return failure('DAR_SOURCE_MISSING', end, {
      message: 'the directory to save is not there',
      retry: 'retry',
      hint: 'Check that the filesystem is mounted on this host and that the basepath still exists.',
    });
  }
  return failure('DAR_FAILED', end, {
    message: 'dar could not work: a file or directory it needs cannot be used, or memory ran out',
    retry: 'retry',
    hint: 'What it said is below. Check staging directory, key file and memory of this host.',
  });
}

function stagingFull(end: CreateEnd): BwError {
  return stagingIsFull({ subject: end.archive, detail: messageText(end.messages) });
}

/** What made an archive fail, with what is known of it. */
export function stagingIsFull(fields: Pick<BwErrorFields, 'subject' | 'detail' | 'cause'>): BwError {
  return new BwError('STAGING_FULL', {
    ...fields,
    message: 'the staging filesystem is full',
    retry: 'retry',
    hint: 'Free space there, or lower `staging.budget` below what really is free: the job waits for room, without spending attempts.',
  });
}

function sliceExists(end: CreateEnd): BwError {
  return failure('DAR_SLICE_EXISTS', end, {
    message: 'a slice of that name exists already; nothing was overwritten',
    retry: 'retry',
    hint: 'Left over from an earlier start: the next try uses another name. If it comes again, report it.',
  });
}

function stoppedByOthers(end: CreateEnd): BwError {
  return failure('DAR_STOPPED', end, {
    message: 'dar was stopped by a signal that bw-bkup did not send',
    retry: 'retry',
    hint: 'Look who signalled it (service manager, batch system, an admin); the job is tried again.',
  });
}

/** A signal that comes exactly at a slice edge, or before dar was ready, leaves nothing usable. */
function spoiled(end: CreateEnd): BwError {
  return failure('DAR_INTERRUPT_SPOILED', end, {
    message: `dar was told to stop and did not close its archive (${describeStatus(end.status)})`,
    retry: 'retry',
    hint: 'Nothing to do: it happens rarely, and this shard is made again.',
  });
}

function crashed(end: CreateEnd): BwError {
  return failure('DAR_CRASHED', end, {
    message: `dar failed with ${describeStatus(end.status)}`,
    retry: 'retry',
    hint: 'SIGKILL: probably out of memory, see dmesg and lower shards.maxFiles. Otherwise a fault of dar: keep its log.',
  });
}

function says(end: CreateEnd, pattern: RegExp): boolean {
  return end.messages.lines.some((line) => pattern.test(line.toString('latin1')));
}

function failure(code: string, end: CreateEnd, fields: Omit<BwErrorFields, 'subject' | 'detail'>): BwError {
  return new BwError(code, { ...fields, subject: end.archive, detail: messageText(end.messages) });
}
