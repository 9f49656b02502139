/** What one metric is. Names, labels and units are promises to dashboards and alert rules: README.md has the same table. */
export interface MetricDefinition {
  readonly type: 'gauge' | 'counter' | 'histogram';
  /** What one step of the value is; times are seconds and sizes bytes, as Prometheus wants them. */
  readonly unit: string;
  /** Besides `host` and `component`, which every sample carries. */
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds of a histogram, in `unit`. */
  readonly buckets?: readonly number[];
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** From one slice of a small home (a second) to a shard that runs all day. */
const LONG_SECONDS = [1, 10, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400] as const;
/** Jobs include releases of a few milliseconds. */
const JOB_SECONDS = [0.01, 0.1, 1, 10, 60, 600, 3_600, 14_400, 86_400] as const;
/** One slice: from a loopback copy to a slow WAN link. */
const SLICE_SECONDS = [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600] as const;
/** dar holds its catalogue in memory; shards bound it to a few hundred MiB, so more is worth seeing. */
const RSS_BYTES = [32 * MIB, 64 * MIB, 128 * MIB, 256 * MIB, 512 * MIB, GIB, 2 * GIB, 4 * GIB, 8 * GIB, 16 * GIB, 32 * GIB] as const;

/** Every metric of the product; prom-client's own process metrics come under `bw_process_` and `bw_nodejs_`. */
export const METRICS = {
  bw_build_info: { type: 'gauge', unit: 'none', labels: ['version', 'node'], help: 'Always 1; the labels say what runs' },
  bw_redis_up: { type: 'gauge', unit: 'boolean', labels: [], help: '1 when Redis answered for all queues in time, else 0' },
  bw_collector_up: { type: 'gauge', unit: 'boolean', labels: ['collector'], help: '1 when the values of this collector are fresh, else 0' },
  bw_jobs: { type: 'gauge', unit: 'jobs', labels: ['queue', 'state', 'level'], help: 'Jobs by queue, BullMQ state and level (level is empty where only the total is known)' },
  bw_parked_jobs: { type: 'gauge', unit: 'jobs', labels: ['topdir', 'reason'], help: 'Jobs of a topdir that may not start now (window, concurrency, incident, hung)' },
  bw_jobs_parked_total: { type: 'counter', unit: 'jobs', labels: ['reason'], help: 'Jobs put off because of a window, of the concurrency of their topdir, of an outage, or because it or their basepath hangs' },
  bw_breaker_open: { type: 'gauge', unit: 'boolean', labels: ['kind', 'name'], help: '1 while a long-term storage, mount, catalog or staging is out and jobs wait for it, else 0' },
  bw_hangs_total: { type: 'counter', unit: 'hangs', labels: ['topdir'], help: 'Dars and scans that neither read nor wrote for dar.inactivityTimeout, on this host' },
  bw_suspected_hosts: { type: 'gauge', unit: 'hosts', labels: [], help: 'Hosts that take no work because something hung there' },
  bw_topdir_incident: { type: 'gauge', unit: 'boolean', labels: ['topdir'], help: '1 while nobody reads the topdir because it hangs on too many hosts, else 0' },
  bw_basepaths_parked: { type: 'gauge', unit: 'basepaths', labels: ['topdir'], help: 'Basepaths that nobody reads because they hang wherever they are read' },
  bw_source_stat_seconds: { type: 'gauge', unit: 'seconds', labels: ['topdir'], help: 'Median time of a stat of the source, while something reads it from this host' },
  bw_source_throttled_seconds_total: { type: 'counter', unit: 'seconds', labels: ['topdir'], help: 'Time that dars and scans were stopped because the source was slow' },
  bw_job_duration_seconds: { type: 'histogram', unit: 'seconds', labels: ['queue', 'name', 'outcome'], help: 'Wall time of one execution of a job', buckets: JOB_SECONDS },

  bw_scanned_entries_total: { type: 'counter', unit: 'entries', labels: [], help: 'Entries that scans of basepaths found' },
  bw_archive_bytes_total: { type: 'counter', unit: 'bytes', labels: ['level'], help: 'Bytes of the archives dar finished' },
  bw_archive_files_total: { type: 'counter', unit: 'files', labels: ['level'], help: 'Entries in the archives dar finished' },
  bw_archive_duration_seconds: { type: 'histogram', unit: 'seconds', labels: ['level'], help: 'Wall time of dar per finished archive', buckets: LONG_SECONDS },
  bw_dar_exits_total: { type: 'counter', unit: 'exits', labels: ['operation', 'code'], help: 'Ended dar processes by exit code, or signal name' },
  bw_dar_peak_rss_bytes: { type: 'histogram', unit: 'bytes', labels: ['operation'], help: 'Peak resident memory of ended dar processes', buckets: RSS_BYTES },

  bw_slices_transferred_total: { type: 'counter', unit: 'slices', labels: ['lts'], help: 'Slices verified in long-term storage' },
  bw_transfer_bytes_total: { type: 'counter', unit: 'bytes', labels: ['lts'], help: 'Bytes of slices verified in long-term storage' },
  bw_transfer_duration_seconds: { type: 'histogram', unit: 'seconds', labels: ['lts'], help: 'Wall time from submitting to verifying one slice', buckets: SLICE_SECONDS },
  bw_transfer_errors_total: { type: 'counter', unit: 'errors', labels: ['lts', 'code'], help: 'Failed transfer attempts by error code' },

  bw_tasks: { type: 'gauge', unit: 'tasks', labels: ['lts', 'state'], help: 'Live transfer tasks of an asynchronous long-term storage, by state' },
  bw_tasks_need_operator: { type: 'gauge', unit: 'tasks', labels: ['lts'], help: 'Of these, those that go on only when somebody acts (paused, suspended, permission, quota, consent ...)' },
  bw_task_bytes: { type: 'gauge', unit: 'bytes', labels: ['lts', 'state'], help: 'Bytes of the live tasks: done, and left' },
  bw_task_files: { type: 'gauge', unit: 'files', labels: ['lts', 'state'], help: 'Files of the live tasks: done, and left' },
  bw_task_bytes_per_second: { type: 'gauge', unit: 'bytes per second', labels: ['lts'], help: 'What the live tasks moved between their last two looks, all together' },
  bw_task_age_seconds: { type: 'gauge', unit: 'seconds', labels: ['lts'], help: 'Age of the oldest live task; 0 when there is none' },
  bw_task_unmoved_seconds: { type: 'gauge', unit: 'seconds', labels: ['lts'], help: 'The longest time for which a live task has moved nothing; 0 when there is none' },
  bw_outbox_files: { type: 'gauge', unit: 'files', labels: ['lts', 'staged_on'], help: 'Slices and other files of a host that wait for a task; absent when none do' },
  bw_outbox_bytes: { type: 'gauge', unit: 'bytes', labels: ['lts', 'staged_on'], help: 'Bytes of these' },
  bw_outbox_age_seconds: { type: 'gauge', unit: 'seconds', labels: ['lts', 'staged_on'], help: 'Time since the oldest of these waits' },
  bw_outbox_host_gone: { type: 'gauge', unit: 'boolean', labels: ['lts', 'staged_on'], help: '1 when no worker was heard on their host for ten minutes, else 0' },

  bw_copies_made_total: { type: 'counter', unit: 'backups', labels: ['lts'], help: 'Copies of sealed backups that were made up later' },
  bw_copies_made_bytes_total: { type: 'counter', unit: 'bytes', labels: ['lts'], help: 'Bytes of these' },
  bw_copies_missing: { type: 'gauge', unit: 'backups', labels: ['lts'], help: 'Sealed backups of which a long-term storage lacks its copy' },
  bw_copies_missing_bytes: { type: 'gauge', unit: 'bytes', labels: ['lts'], help: 'What these lack there' },
  bw_copies_overdue: { type: 'gauge', unit: 'backups', labels: ['lts'], help: 'Of these, those that have been missing for longer than copies.missingFor' },
  bw_copy_missing_age_seconds: { type: 'gauge', unit: 'seconds', labels: ['lts'], help: 'Time since the oldest backup of these sealed' },
  bw_backups_sealed_total: { type: 'counter', unit: 'backups', labels: ['level', 'outcome'], help: 'Sealed backups' },
  bw_backups_failed_total: { type: 'counter', unit: 'backups', labels: ['level', 'code'], help: 'Backups given up without a seal, by error code' },
  bw_exceptions_total: { type: 'counter', unit: 'paths', labels: ['level'], help: 'Paths that sealed backups name as not saved' },
  bw_vanished_total: { type: 'counter', unit: 'paths', labels: ['level'], help: 'Paths that disappeared between scan and archive' },
  bw_backups_erased_total: { type: 'counter', unit: 'backups', labels: [], help: 'Removed backups whose objects were deleted in every LTS' },
  bw_erased_bytes_total: { type: 'counter', unit: 'bytes', labels: [], help: 'Bytes deleted in long-term storage, all LTS together' },
  bw_restores_total: { type: 'counter', unit: 'restores', labels: ['outcome'], help: 'Ended restores' },
  bw_restored_bytes_total: { type: 'counter', unit: 'bytes', labels: [], help: 'Bytes of the archives restores read' },
  bw_restore_duration_seconds: { type: 'histogram', unit: 'seconds', labels: ['outcome'], help: 'Wall time of a restore', buckets: LONG_SECONDS },
  bw_topdir_restore_basepaths: { type: 'gauge', unit: 'basepaths', labels: ['topdir', 'target', 'state'], help: 'Basepaths of a restore of a whole topdir that has not ended, by state (restored, failed, running, left)' },
  bw_topdir_restore_bytes: { type: 'gauge', unit: 'bytes', labels: ['topdir', 'target', 'state'], help: 'Bytes of it: restored, and left' },
  bw_topdir_restore_left_seconds: { type: 'gauge', unit: 'seconds', labels: ['topdir', 'target'], help: 'Time it still takes at the pace it has had' },

  bw_verifications_total: { type: 'counter', unit: 'verifications', labels: ['level', 'outcome'], help: 'Ended verifications of backups' },

  bw_reconcile_findings: { type: 'gauge', unit: 'findings', labels: ['kind', 'state'], help: 'What the last round of the reconciler repaired, or left to an operator (state); of basepaths, which have turns, what their last look left' },
  bw_reconcile_age_seconds: { type: 'gauge', unit: 'seconds', labels: [], help: 'Time since the last round of the reconciler' },

  bw_staging_used_bytes: { type: 'gauge', unit: 'bytes', labels: [], help: 'Staging accounted to running backups on this host' },
  bw_staging_budget_bytes: { type: 'gauge', unit: 'bytes', labels: [], help: 'Staging this host may use: the budget, or less where others fill the filesystem' },
  bw_staging_paused_dars: { type: 'gauge', unit: 'processes', labels: [], help: 'Dars that are stopped, or wait to be started, until staging is given back' },
  bw_staging_paused_seconds_total: { type: 'counter', unit: 'seconds', labels: [], help: 'Time dars waited for staging, all together' },

  bw_basepaths: { type: 'gauge', unit: 'basepaths', labels: ['topdir'], help: 'Known basepaths' },
  bw_basepaths_never_sealed: { type: 'gauge', unit: 'basepaths', labels: ['topdir'], help: 'Basepaths without any sealed backup' },
  bw_basepaths_past_due: { type: 'gauge', unit: 'basepaths', labels: ['topdir'], help: 'Basepaths whose next backup is past due' },
  bw_last_sealed_age_seconds: { type: 'gauge', unit: 'seconds', labels: ['topdir'], help: 'Age of the last sealed backup of the basepath that waits longest' },
  bw_last_full_age_seconds: { type: 'gauge', unit: 'seconds', labels: ['topdir'], help: 'Age of the last sealed full of the basepath that waits longest' },
  bw_newest_sealed_age_seconds: { type: 'gauge', unit: 'seconds', labels: ['topdir'], help: 'Time since any basepath was sealed' },
  bw_oldest_sealed_age_seconds: { type: 'gauge', unit: 'seconds', labels: [], help: 'The greatest bw_last_sealed_age_seconds of all topdirs' },
  bw_basepaths_never_proven: { type: 'gauge', unit: 'basepaths', labels: ['topdir'], help: 'Basepaths of whose backups no restore drill has succeeded' },
  bw_last_proven_age_seconds: { type: 'gauge', unit: 'seconds', labels: ['topdir'], help: 'Time since the last successful restore drill of the basepath that waits longest' },
  bw_basepaths_damaged: { type: 'gauge', unit: 'basepaths', labels: ['topdir'], help: 'Basepaths whose last verification found damage' },
  bw_basepath_last_sealed_age_seconds: { type: 'gauge', unit: 'seconds', labels: ['topdir', 'basepath'], help: 'Age of the last sealed backup per basepath; only when asked for' },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
type NamesOf<T extends MetricDefinition['type']> = {
  [K in MetricName]: (typeof METRICS)[K]['type'] extends T ? K : never;
}[MetricName];

export type GaugeName = NamesOf<'gauge'>;
export type CounterName = NamesOf<'counter'>;
export type HistogramName = NamesOf<'histogram'>;
export type LabelsOf<K extends MetricName> = Readonly<Record<(typeof METRICS)[K]['labels'][number], string>>;

/** Families prom-client fills by itself (resident memory, event loop lag, garbage collection ...). */
export const DEFAULT_METRICS_PREFIX = 'bw_';
export const DEFAULT_METRICS = /^bw_(process|nodejs)_/;
