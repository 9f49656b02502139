import { lstat } from 'node:fs/promises';
import { BwError, toBwError, type BwErrorFields } from '../../errors/bw-error.js';

type Decision = readonly [code: string, fields: Omit<BwErrorFields, 'subject' | 'cause' | 'detail'>];

const DENIED: Decision = [
  'TRANSFER_DENIED',
  {
    message: 'the long-term storage does not let us do this',
    retry: 'operator',
    hint: 'Check owner and mode of the LTS directory and whether it is mounted read-only; then re-drive the job.',
  },
];

const NO_SPACE: Decision = [
  'TRANSFER_NO_SPACE',
  {
    message: 'the long-term storage is full, or our quota there is used up',
    retry: 'operator',
    hint: 'Make room or raise the quota (nothing was published, staging still holds the data); then re-drive the job.',
  },
];

/** EIO, ESTALE, ETIMEDOUT and whatever else a storage in trouble says: it usually passes. */
const IO: Decision = [
  'TRANSFER_IO',
  {
    message: 'reading or writing failed',
    retry: 'retry',
    hint: 'It is tried again. If it persists, look at the kernel log and the health of this filesystem.',
  },
];

const BY_ERRNO: Readonly<Record<string, Decision>> = {
  ENOSPC: NO_SPACE,
  EDQUOT: NO_SPACE,
  EFBIG: NO_SPACE,
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: DENIED,
};

/** The errno name of what fs threw, or '' for anything else. */
export function errnoOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** Decides about an error on the side of the LTS of this name. `root` absent outranks everything: then nothing is mounted there. */
export async function ltsError(thrown: unknown, path: string, root: string, lts: string): Promise<BwError> {
  if (thrown instanceof BwError) return thrown;
  const errno = errnoOf(thrown);
  if (errno === '') return toBwError(thrown);
  if ((errno === 'ENOENT' || errno === 'ENOTDIR') && (await isAbsent(root))) return ltsMissing(root, thrown, lts);
  return decide(BY_ERRNO[errno] ?? IO, thrown, path, lts);
}

/** Decides about an error on the staging side (the slice to send, or the file a restore fetches to). */
export function sourceError(thrown: unknown, file: string): BwError {
  if (thrown instanceof BwError) return thrown;
  const errno = errnoOf(thrown);
  if (errno === '') return toBwError(thrown);
  if (errno === 'ENOENT') {
    return new BwError('TRANSFER_SOURCE_MISSING', {
      message: 'the file to transfer is not in staging any more',
      retry: 'permanent',
      subject: file,
      hint: 'The shard that made it has to be done again; if it happens twice, look for what cleans up the staging directory.',
      cause: thrown,
    });
  }
  const [, fields] = BY_ERRNO[errno] ?? IO;
  const full = fields === NO_SPACE[1];
  return new BwError(full ? 'STAGING_NO_SPACE' : 'STAGING_IO', {
    message: full ? 'staging is full' : 'staging could not be read or written',
    retry: fields.retry,
    subject: file,
    hint: full ? 'Make room in staging, then re-drive the job.' : 'Check the staging filesystem, its mount and its modes.',
    cause: thrown,
    detail: String(thrown),
  });
}

export function ltsMissing(root: string, cause?: unknown, lts?: string): BwError {
  return new BwError('LTS_MISSING', {
    message: 'the directory of the long-term storage is not there',
    retry: 'operator',
    subject: root,
    hint: 'Is it mounted? If this LTS is new, create the directory (mode 0700); bw-bkup never does, lest it fill the disk below a mount point.',
    cause,
    ...(lts === undefined ? {} : { lts }),
  });
}

/** The caller's abort as an error: nothing was published. */
export function abortedError(subject: string): BwError {
  return new BwError('TRANSFER_ABORTED', {
    message: 'the transfer was stopped on purpose',
    retry: 'retry',
    subject,
    hint: 'Nothing to do: it is taken up again later.',
  });
}

export function throwIfAborted(signal: AbortSignal | undefined, subject: string): void {
  if (signal?.aborted === true) throw abortedError(subject);
}

function decide([code, fields]: Decision, cause: unknown, subject: string, lts: string): BwError {
  return new BwError(code, { ...fields, subject, cause, detail: String(cause), lts });
}

async function isAbsent(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (thrown) {
    return errnoOf(thrown) === 'ENOENT';
  }
}
