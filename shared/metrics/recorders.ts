import type { Manifest } from '../catalog/manifest.js';
import { PARK_REASONS, type ParkReason } from '../limits/places.js';
import type { ExitStatus } from '../process/command.js';
import type { Instruments } from './instruments.js';

export type Level = Manifest['level'];
/** retried: failed and will run again · failed: given up · preempted, stopped: goes on later, spent no attempt. */
export type JobOutcome = 'completed' | 'retried' | 'failed' | 'preempted' | 'stopped';
export type DarOperation = 'create' | 'list' | 'test' | 'isolate' | 'extract';

const LEVELS: readonly Level[] = ['full', 'differential', 'incremental'];
const OUTCOMES: readonly Manifest['outcome'][] = ['clean', 'with-exceptions'];

/** What the product tells its metrics, in its own words. Milliseconds and bytes in, seconds and bytes out. Nothing here throws for finite, non-negative numbers. */
export class Recorders {
  constructor(private readonly to: Instruments) {
    to.add('bw_scanned_entries_total', {}, 0);
    // Known series begin at 0, else the first event after a start is invisible to increase().
    for (const reason of PARK_REASONS) to.add('bw_jobs_parked_total', { reason }, 0);
    for (const level of LEVELS) {
      for (const outcome of OUTCOMES) to.add('bw_backups_sealed_total', { level, outcome }, 0);
      to.add('bw_archive_bytes_total', { level }, 0);
      to.add('bw_archive_files_total', { level }, 0);
      to.add('bw_exceptions_total', { level }, 0);
      to.add('bw_vanished_total', { level }, 0);
    }
  }

  /** One execution of a job ended, however it ended. */
  jobFinished(job: { readonly queue: string; readonly name: string; readonly outcome: JobOutcome; readonly wallMs: number }): void {
    const { queue, name, outcome } = job;
    this.to.observe('bw_job_duration_seconds', { queue, name, outcome }, job.wallMs / 1000);
  }

  /** A scan found so many entries more. */
  scanned(entries: number): void {
    this.to.add('bw_scanned_entries_total', {}, entries);
  }

  /** A job may not start now and was put off. */
  jobParked(reason: ParkReason | 'outage'): void {
    this.to.add('bw_jobs_parked_total', { reason }, 1);
  }

  /** A dar or scan neither read nor wrote for dar.inactivityTimeout. */
  hung(topdir: string): void {
    this.to.add('bw_hangs_total', { topdir }, 1);
  }

  /** What a stat of the source takes, and for how long it has been spared since the last report. */
  sourceProbed(source: { readonly topdir: string; readonly statMs: number; readonly throttledMs: number }): void {
    const { topdir, statMs, throttledMs } = source;
    this.to.set('bw_source_stat_seconds', { topdir }, statMs / 1000);
    this.to.add('bw_source_throttled_seconds_total', { topdir }, throttledMs / 1000);
  }

  /** An archive is complete and kept. The dar process is reported by darExited. */
  archiveFinished(archive: { readonly level: Level; readonly bytes: number; readonly files: number; readonly wallMs: number }): void {
    const { level } = archive;
    this.to.add('bw_archive_bytes_total', { level }, archive.bytes);
    this.to.add('bw_archive_files_total', { level }, archive.files);
    this.to.observe('bw_archive_duration_seconds', { level }, archive.wallMs / 1000);
  }

  /** A dar process ended, well or not. */
  darExited(dar: { readonly operation: DarOperation; readonly status: ExitStatus; readonly peakRssBytes: number | null }): void {
    const { operation, status } = dar;
    this.to.add('bw_dar_exits_total', { operation, code: String(status.code ?? status.signal ?? 'unknown') });
    if (dar.peakRssBytes !== null) this.to.observe('bw_dar_peak_rss_bytes', { operation }, dar.peakRssBytes);
  }

  /** A slice stands verified in an LTS. wallMs: from submit to verified. */
  sliceCommitted(slice: { readonly lts: string; readonly bytes: number; readonly wallMs: number }): void {
    const { lts } = slice;
    this.to.add('bw_slices_transferred_total', { lts });
    this.to.add('bw_transfer_bytes_total', { lts }, slice.bytes);
    this.to.observe('bw_transfer_duration_seconds', { lts }, slice.wallMs / 1000);
  }

  /** An attempt to transfer failed. code: of the BwError. */
  transferFailed(failure: { readonly lts: string; readonly code: string }): void {
    this.to.add('bw_transfer_errors_total', { lts: failure.lts, code: failure.code });
  }

  backupSealed(backup: {
    readonly level: Level;
    readonly outcome: Manifest['outcome'];
    readonly exceptions: number;
    readonly vanished: number;
  }): void {
    const { level, outcome } = backup;
    this.to.add('bw_backups_sealed_total', { level, outcome });
    this.to.add('bw_exceptions_total', { level }, backup.exceptions);
    this.to.add('bw_vanished_total', { level }, backup.vanished);
  }

  /** A backup was given up (dead letter). code: of the BwError. */
  backupFailed(backup: { readonly level: Level; readonly code: string }): void {
    this.to.add('bw_backups_failed_total', { level: backup.level, code: backup.code });
  }

  /** bytes: of its objects in all LTS. */
  backupErased(bytes: bigint): void {
    this.to.add('bw_backups_erased_total', {});
    this.to.add('bw_erased_bytes_total', {}, Number(bytes));
  }

  /** A copy that was missing is there. bytes: of what was. */
  copyMade(copy: { readonly lts: string; readonly bytes: number }): void {
    this.to.add('bw_copies_made_total', { lts: copy.lts });
    this.to.add('bw_copies_made_bytes_total', { lts: copy.lts }, copy.bytes);
  }

  /** A verification ended, with what it found. */
  verified(verification: { readonly level: 'manifest' | 'hash' | 'dar' | 'restore'; readonly outcome: 'sound' | 'damaged' }): void {
    const { level, outcome } = verification;
    this.to.add('bw_verifications_total', { level, outcome });
  }

  /** bytes: of the archives read. */
  restoreFinished(restore: { readonly outcome: Manifest['outcome'] | 'failed'; readonly bytes: number; readonly wallMs: number }): void {
    const { outcome } = restore;
    this.to.add('bw_restores_total', { outcome });
    this.to.add('bw_restored_bytes_total', {}, restore.bytes);
    this.to.observe('bw_restore_duration_seconds', { outcome }, restore.wallMs / 1000);
  }
}
