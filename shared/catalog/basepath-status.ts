import type { PathJson } from '../paths/path-json.js';
import type { Manifest } from './manifest.js';
import type { RecordOf } from '../journal/record.js';

/**
 * never: no sealed backup · ok: the newest one is clean · exceptions: it names paths it could not save · failed-since: a backup of that kind
 * failed after it · deleted: the directory is gone (its backups are not).
 */
export type BasepathCondition = 'never' | 'ok' | 'exceptions' | 'failed-since' | 'deleted';

export interface SealedSummary {
  readonly backupId: string;
  readonly level: Manifest['level'];
  readonly outcome: Manifest['outcome'];
  /** ISO instants, as in the manifest. */
  readonly capturedAt: string;
  readonly sealedAt: string;
}

export interface AttemptSummary {
  readonly backupId: string;
  readonly level: Manifest['level'];
  /** running: started, and no end on record (a killed worker leaves it so until the next attempt). */
  readonly outcome: RecordOf<'attempt-ended'>['outcome'] | 'running';
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** One basepath, from catalog and journal alone. Ages in ms at the `now` it was made for. */
export interface BasepathStatus {
  readonly id: string;
  /** null where the journal has lost it and no manifest is readable. */
  readonly path: PathJson | null;
  readonly topdir: string | null;
  readonly state: BasepathCondition;
  /** Since when it is there without a gap, ms since the epoch; null where the journal has lost it. */
  readonly foundMs: number | null;
  /** Latest capture. */
  readonly lastSealed: SealedSummary | null;
  readonly lastFull: SealedSummary | null;
  /** Of lastSealed. */
  readonly outcome: Manifest['outcome'] | null;
  /** Of lastSealed: paths not saved as they were, records of its index, apparent bytes (decimal). */
  readonly exceptions: number;
  readonly files: number;
  readonly bytes: string;
  readonly lastAttempt: AttemptSummary | null;
  /** Of the newest failed attempt, until a backup settles it. A failed full is settled by a full only. */
  readonly lastError: { readonly backupId: string; readonly code: string; readonly message: string; readonly at: string; readonly level: Manifest['level']; readonly dismissed: boolean } | null;
  /** Since the capture of lastSealed: what a restore would lose. */
  readonly ageMs: number | null;
  readonly fullAgeMs: number | null;
  readonly lastVerified: { readonly backupId: string; readonly at: string; readonly method: string; readonly outcome: 'sound' | 'damaged' } | null;
  /** Backups that sealed flagged: much less was there than before. */
  readonly shrunk: readonly string[];
  /** The last restore drill that found everything as it should be. */
  readonly lastProven: { readonly backupId: string; readonly at: string; readonly samplePercent: number } | null;
  /** Backups whose manifest cannot be used. */
  readonly damagedManifests: number;
  /** The newest backup the journal calls sealed, where the catalog does not have it: it was lost. */
  readonly lostBackup: string | null;
}
