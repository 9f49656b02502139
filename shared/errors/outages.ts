import type { BwError } from './bw-error.js';

/** What may be out for all who need it: a long-term storage, the filesystem of a topdir, that of the catalog, staging of a host. */
export const OUTAGE_KINDS = ['lts', 'mount', 'catalog', 'staging'] as const;
export type OutageKind = (typeof OUTAGE_KINDS)[number];

/**
 * Errors that an outage would explain, and of what. Whether it is one is asked of that thing itself: when it is well, the error is the job's own.
 * DAR_FAILED and DAR_CRASHED cover both ends of dar: it says "cannot be used" of whichever file.
 */
const EXPLAINED_BY: Readonly<Record<string, readonly OutageKind[]>> = {
  CATALOG_DAMAGED: ['catalog'],
  CATALOG_MISSING: ['catalog'],
  CHAIN_BROKEN: ['catalog'],
  DAR_CATALOGUE_UNREADABLE: ['catalog', 'staging'],
  DAR_CRASHED: ['mount', 'staging'],
  DAR_FAILED: ['mount', 'staging'],
  DAR_ISOLATION_FAILED: ['catalog', 'staging'],
  DAR_NO_SLICES: ['staging'],
  DAR_SOURCE_MISSING: ['mount'],
  EXAMINE_FAILED: ['mount'],
  GLOBUS_ANSWER_UNKNOWN: ['lts'],
  GLOBUS_AUTH_FAILED: ['lts'],
  GLOBUS_BUSY: ['lts'],
  GLOBUS_CONSENT_REQUIRED: ['lts'],
  GLOBUS_INACTIVE: ['lts'],
  GLOBUS_PATH_WRONG: ['lts'],
  GLOBUS_PAUSED: ['lts'],
  GLOBUS_SECRET_UNUSABLE: ['lts'],
  GLOBUS_SESSION_EXPIRED: ['lts'],
  INDEX_DAMAGED: ['catalog'],
  INDEX_NOT_WRITTEN: ['catalog'],
  INDEX_VOID: ['mount', 'catalog'],
  JOURNAL_WRITE_FAILED: ['catalog'],
  LOG_NOT_WRITABLE: ['catalog', 'staging'],
  LTS_CREDENTIALS_UNUSABLE: ['lts'],
  LTS_MISSING: ['lts'],
  MANIFEST_MISSING: ['catalog'],
  MANIFEST_UNREADABLE: ['catalog'],
  OUTPUT_NOT_CREATED: ['catalog', 'staging'],
  PROGRAM_FAILED: ['catalog', 'staging'],
  SEAL_INCOMPLETE: ['catalog'],
  SORT_FAILED: ['catalog'],
  SOURCE_CHANGED: ['mount'],
  SOURCE_EMPTY: ['mount'],
  SOURCE_HUNG: ['mount'],
  SOURCE_MISSING: ['mount'],
  SOURCE_NOT_A_DIRECTORY: ['mount'],
  SOURCE_NOT_MOUNTED: ['mount'],
  SOURCE_UNREADABLE: ['mount'],
  STAGING_FULL: ['staging'],
  STAGING_IO: ['staging'],
  STAGING_NO_SPACE: ['staging'],
  TRANSFER_DENIED: ['lts'],
  TRANSFER_FAILED: ['lts'],
  TRANSFER_IO: ['lts'],
  TRANSFER_NO_SPACE: ['lts'],
};

/**
 * No look is needed: a quota that is used up lets a probe's single byte through, and a full storage sometimes too; staging has room again as soon as
 * whatever filled it has given its slices back.
 */
const CERTAIN: ReadonlySet<string> = new Set(['STAGING_FULL', 'TRANSFER_NO_SPACE']);

/** What the kernel says of files on a filesystem that is full, not mounted, read-only or ill. */
const ERRNOS: ReadonlySet<string> = new Set(['EACCES', 'EDQUOT', 'EIO', 'EHOSTDOWN', 'ENODEV', 'ENOENT', 'ENOSPC', 'ENOTCONN', 'EROFS', 'ESHUTDOWN', 'ESTALE', 'ETIMEDOUT', 'ENXIO']);

/** Another host may well do what this one cannot, though its operator must act: tried again, like what mends itself. */
const OF_THE_HOST: ReadonlySet<string> = new Set(['DAR_KEY_UNUSABLE', 'DIRECTORY_NOT_WRITABLE', 'PROGRAM_NOT_FOUND']);

export interface Suspicion {
  /** Kinds of things whose outage would explain the error; none: it is the job's own. */
  readonly kinds: readonly OutageKind[];
  /** It is an outage, whatever a probe says. */
  readonly certain: boolean;
}

/** Which outages would explain an error (pure). Files of ours that nobody speaks for (UNEXPECTED) are in the catalog's work area or in staging. */
export function suspectOutage(error: Pick<BwError, 'code' | 'cause'>): Suspicion {
  const kinds = Object.hasOwn(EXPLAINED_BY, error.code) ? (EXPLAINED_BY[error.code] ?? []) : [];
  if (kinds.length > 0 || error.code !== 'UNEXPECTED') return { kinds, certain: CERTAIN.has(error.code) };
  return { kinds: ERRNOS.has(errnoOf(error.cause)) ? ['catalog', 'staging'] : [], certain: false };
}

/**
 * Whether a job that failed so, and the look found all well, is tried again within minutes; else it is a dead letter at once (pure). What is out for a moment only may be
 * back before the look: where work of hours would be lost for that, it is tried again. What is wrong with a source is seen before there is any.
 */
export function isWorthTrying({ code, retry }: Pick<BwError, 'code' | 'retry'>): boolean {
  if (retry !== 'operator') return retry === 'retry';
  const kinds = Object.hasOwn(EXPLAINED_BY, code) ? (EXPLAINED_BY[code] ?? []) : [];
  return OF_THE_HOST.has(code) || kinds.some((kind) => kind !== 'mount');
}

/** Codes by what would explain them, for the documentation's test. */
export function codesExplainedBy(kind: OutageKind): string[] {
  return Object.keys(EXPLAINED_BY).filter((code) => EXPLAINED_BY[code]?.includes(kind) === true);
}

function errnoOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : '';
}
