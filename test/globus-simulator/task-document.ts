import type { CollectionOptions } from './options.js';
import { isFinished, type EventRecord, type ItemRecord, type ItemState, type SkippedRecord, type TaskRecord } from './records.js';

/** Per-file history and events are kept 30 days. */
export const HISTORY_MS = 30 * 86_400_000;

/** `2026-05-14T16:49:11+00:00`, as in answers of the service. */
export const isoTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+00:00`;

export const historyDeleted = (task: TaskRecord, now: number): boolean => task.completionTime !== null && now - task.completionTime > HISTORY_MS;

export interface TaskView {
  readonly now: number;
  readonly queued: boolean;
  readonly source: CollectionOptions;
  readonly destination: CollectionOptions | null;
}

/** The task document of 1.3 in the notes; the sum of bytes to move is not in it, as in the service. */
export function taskDocument(task: TaskRecord, view: TaskView): Record<string, unknown> {
  const counts = countStates(task);
  const { flags } = task;
  const { nice, ok } = niceStatus(task, view.queued);
  return {
    DATA_TYPE: 'task',
    task_id: task.id,
    type: task.type,
    status: task.status,
    fatal_error: task.fatalError,
    label: task.label,
    username: `u_${task.owner.replaceAll('-', '')}`,
    owner_id: task.owner,
    request_time: isoTime(task.requestTime),
    completion_time: task.completionTime === null ? null : isoTime(task.completionTime),
    deadline: isoTime(task.deadline),
    ...endpointFields(view),
    sync_level: flags.syncLevel,
    encrypt_data: flags.encryptData,
    verify_checksum: flags.verifyChecksum,
    delete_destination_extra: flags.deleteDestinationExtra,
    recursive_symlinks: task.type === 'TRANSFER' ? 'ignore' : null,
    preserve_timestamp: flags.preserveTimestamp,
    skip_source_errors: flags.skipSourceErrors,
    fail_on_quota_errors: flags.failOnQuotaErrors,
    command: 'API 0.10',
    history_deleted: historyDeleted(task, view.now),
    faults: task.faults,
    files: counts.files,
    directories: task.directories,
    symlinks: 0,
    files_skipped: counts.of('skipped'),
    files_transferred: task.type === 'TRANSFER' ? counts.of('succeeded') : 0,
    ...subtasks(counts),
    bytes_transferred: task.bytesTransferred,
    bytes_checksummed: task.bytesChecksummed,
    effective_bytes_per_second: bytesPerSecond(task, view.now),
    nice_status: nice,
    nice_status_details: null,
    nice_status_short_description: nice,
    nice_status_expires_in: isFinished(task) ? null : -1,
    canceled_by_admin: task.fatalError?.code === 'CANCELED_BY_ADMIN' ? 'DESTINATION' : null,
    canceled_by_admin_message: task.fatalError?.code === 'CANCELED_BY_ADMIN' ? task.fatalError.description : null,
    is_ok: ok,
    is_paused: task.paused,
    filter_rules: null,
    source_local_user: null,
    destination_local_user: null,
    source_base_path: null,
    destination_base_path: null,
  };
}

function endpointFields({ source, destination }: TaskView): Record<string, unknown> {
  const name = ({ id, displayName }: CollectionOptions) => displayName ?? `simulated ${id.slice(0, 8)}`;
  return {
    source_endpoint: `u_simulated#${source.id}`,
    source_endpoint_id: source.id,
    source_endpoint_display_name: name(source),
    destination_endpoint: destination === null ? null : `u_simulated#${destination.id}`,
    destination_endpoint_id: destination?.id ?? null,
    destination_endpoint_display_name: destination === null ? null : name(destination),
  };
}

interface Counts {
  readonly files: number;
  of(state: ItemState): number;
}

function countStates(task: TaskRecord): Counts {
  const counts = new Map<ItemState, number>();
  for (const { state } of task.items) counts.set(state, (counts.get(state) ?? 0) + 1);
  const of = (state: ItemState): number => counts.get(state) ?? 0;
  return { files: task.items.length - of('expanded'), of };
}

function subtasks(counts: Counts): Record<string, number> {
  return {
    subtasks_total: counts.files,
    subtasks_pending: counts.of('pending'),
    subtasks_retrying: counts.of('retrying'),
    subtasks_succeeded: counts.of('succeeded') + counts.of('skipped'),
    subtasks_expired: counts.of('expired'),
    subtasks_canceled: counts.of('canceled'),
    subtasks_failed: counts.of('failed'),
    subtasks_skipped_errors: counts.of('skipped-error'),
  };
}

function niceStatus(task: TaskRecord, queued: boolean): { nice: string | null; ok: boolean | null } {
  if (isFinished(task)) return { nice: null, ok: null };
  if (task.status === 'INACTIVE') return { nice: 'NO_CREDENTIALS', ok: false };
  if (task.paused) return { nice: 'PAUSED', ok: false };
  if (task.lastError !== null) return { nice: task.lastError, ok: false };
  return { nice: queued ? 'Queued' : 'OK', ok: true };
}

function bytesPerSecond(task: TaskRecord, now: number): number {
  const seconds = ((task.completionTime ?? now) - task.requestTime) / 1_000;
  return Math.round(task.bytesTransferred / Math.max(1, seconds));
}

export function eventDocument(task: TaskRecord, event: EventRecord): Record<string, unknown> {
  const { code, isError, description, details, time } = event;
  return { DATA_TYPE: 'event', code, is_error: isError, description, details, parent_task_id: task.id, time: isoTime(time) };
}

export function successDocument(item: ItemRecord): Record<string, unknown> {
  return {
    DATA_TYPE: 'successful_transfer',
    source_path: item.source,
    destination_path: item.destination,
    checksum: item.sum,
    checksum_algorithm: item.sum === null ? null : (item.algorithm ?? 'MD5'),
    dynamic: false,
    size: item.size,
  };
}

export function skippedDocument(item: ItemRecord, skipped: SkippedRecord): Record<string, unknown> {
  return {
    DATA_TYPE: 'skipped_error',
    error_code: skipped.code,
    error_details: skipped.details,
    error_time: isoTime(skipped.time),
    source_path: item.source,
    destination_path: item.destination,
    is_directory: item.recursive,
    is_symlink: false,
    is_delete_destination_extra: false,
    external_checksum: item.checksum,
    checksum_algorithm: item.algorithm,
  };
}
