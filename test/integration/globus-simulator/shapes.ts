// Shapes of answers, as public sources show them. Strict: a key that no source has is a fault of the simulator. Optional: some sources or tenants have it.
import { z } from 'zod';

const id = z.uuid();
const text = z.string();
const count = z.number().int().nonnegative();
/** `2026-05-14T16:49:11+00:00` */
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
/** `2023-12-18 16:52:50+00:00`, of files. */
const fileTime = z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00$/);
const none = z.null();
const orNull = <S extends z.ZodType>(schema: S) => schema.nullable();

const said = { message: text, request_id: text, resource: text };
const link = z.strictObject({ DATA_TYPE: z.literal('link'), href: text, rel: z.literal('related'), resource: z.literal('task'), title: text });

export const submissionId = z.strictObject({ DATA_TYPE: z.literal('submission_id'), value: id });

export const submitted = z.strictObject({
  DATA_TYPE: z.enum(['transfer_result', 'delete_result']), code: z.enum(['Accepted', 'Duplicate']), submission_id: id, task_id: id, task_link: link, ...said,
});

export const result = z.strictObject({ DATA_TYPE: z.enum(['result', 'mkdir_result']), code: z.enum(['Canceled', 'CancelAccepted', 'TaskComplete', 'DirectoryCreated', 'FileRenamed', 'Updated']), ...said });

const parameters = z.strictObject({
  session_message: text.optional(), session_required_identities: z.array(text).optional(), session_required_mfa: z.boolean().optional(),
  session_required_single_domain: z.array(text).optional(), session_required_policies: text.optional(), required_scopes: z.array(text).optional(),
});
export const error = z.strictObject({ code: text, ...said, required_scopes: z.array(text).optional(), authorization_parameters: parameters.optional() });

const side = (name: 'source' | 'destination') => ({
  [`${name}_endpoint`]: orNull(text), [`${name}_endpoint_id`]: orNull(id), [`${name}_endpoint_display_name`]: orNull(text),
  [`${name}_local_user`]: none, [`${name}_base_path`]: orNull(text).optional(),
  ...Object.fromEntries(['local_user_status', 'host_endpoint', 'host_endpoint_id', 'host_endpoint_display_name', 'host_path', 'mapped_collection_id', 'mapped_collection_display_name']
    .map((key) => [`${name}_${key}`, orNull(text).optional()])),
});
const subtasks = Object.fromEntries(['total', 'pending', 'retrying', 'succeeded', 'expired', 'canceled', 'failed', 'skipped_errors'].map((key) => [`subtasks_${key}`, count]));
const flags = Object.fromEntries(
  ['encrypt_data', 'verify_checksum', 'delete_destination_extra', 'preserve_timestamp', 'skip_source_errors', 'fail_on_quota_errors', 'history_deleted', 'is_paused'].map((key) => [key, z.boolean()]),
);
export const task = z.strictObject({
  DATA_TYPE: z.literal('task'), task_id: id, type: z.enum(['TRANSFER', 'DELETE']), status: z.enum(['ACTIVE', 'INACTIVE', 'SUCCEEDED', 'FAILED']),
  fatal_error: orNull(z.strictObject({ code: text, description: text })), label: orNull(text), username: text, owner_id: id, owner_string: text.optional(),
  request_time: time, completion_time: orNull(time), deadline: orNull(time), ...side('source'), ...side('destination'), ...flags, ...subtasks,
  sync_level: orNull(z.number()), recursive_symlinks: orNull(text), command: text, faults: count, files: count, directories: count, symlinks: count,
  files_skipped: count, files_transferred: count, bytes_transferred: count, bytes_checksummed: count, effective_bytes_per_second: count,
  nice_status: orNull(text), nice_status_details: none, nice_status_short_description: orNull(text), nice_status_expires_in: orNull(z.union([z.literal(-1), z.literal(0), text])),
  canceled_by_admin: orNull(z.enum(['SOURCE', 'DESTINATION', 'BOTH'])), canceled_by_admin_message: orNull(text), is_ok: orNull(z.boolean()), filter_rules: none,
});

const offsets = { length: count, limit: count, offset: count, total: count, has_next_page: z.boolean().optional() };
export const taskList = z.strictObject({ DATA_TYPE: z.literal('task_list'), DATA: z.array(task), ...offsets });

const event = z.strictObject({ DATA_TYPE: z.literal('event'), code: text.regex(/^[A-Z_]+$/), is_error: z.boolean(), description: text, details: text, parent_task_id: id.optional(), time });
export const eventList = z.strictObject({ DATA_TYPE: z.literal('event_list'), DATA: z.array(event), ...offsets });

const success = z.strictObject({
  DATA_TYPE: z.literal('successful_transfer'), source_path: text, destination_path: text,
  checksum: orNull(text).optional(), checksum_algorithm: orNull(text).optional(), dynamic: z.boolean().optional(), size: count.optional(),
});
const markers = { marker: count, next_marker: orNull(count) };
export const successes = z.strictObject({ DATA_TYPE: z.literal('successful_transfers'), DATA: z.array(success), ...markers });

const skippedError = z.strictObject({
  DATA_TYPE: z.literal('skipped_error'), error_code: z.enum(['PERMISSION_DENIED', 'FILE_NOT_FOUND']), error_details: text, error_time: time, source_path: text, destination_path: text,
  is_directory: z.boolean(), is_symlink: z.boolean(), is_delete_destination_extra: z.boolean(), external_checksum: orNull(text), checksum_algorithm: orNull(text),
});
export const skipped = z.strictObject({ DATA_TYPE: z.literal('skipped_errors'), DATA: z.array(skippedError), ...markers });

const pauses = Object.fromEntries(['ls', 'mkdir', 'symlink', 'rename', 'task_delete', 'task_transfer_write', 'task_transfer_read'].map((key) => [`pause_${key}`, z.boolean().optional()]));
const pauseRule = z.strictObject({
  DATA_TYPE: z.enum(['pause_rule', 'pause_rule_limited']), id, message: text, start_time: none, endpoint_id: id, endpoint_display_name: text.optional(), identity_id: none, ...pauses,
  modified_by_id: id.optional(), created_by_host_manager: z.boolean().optional(), editable: z.boolean().optional(),
});
export const pauseInfo = z.strictObject({
  DATA_TYPE: z.literal('pause_info_limited').optional(), endpoint_display_name: text.optional(), message: text.optional(), pause_rules: z.array(pauseRule),
  source_pause_message: orNull(text), destination_pause_message: orNull(text), source_pause_message_share: none, destination_pause_message_share: none,
});

export const file = z.strictObject({
  DATA_TYPE: z.literal('file'), name: text, type: z.enum(['dir', 'file', 'invalid_symlink', 'chr', 'blk', 'pipe', 'other']), size: count, last_modified: fileTime,
  permissions: text.regex(/^[0-7]{4}$/), user: text, group: text, link_target: none, link_size: none, link_user: none, link_group: none, link_last_modified: none,
});
export const fileList = z.strictObject({
  DATA_TYPE: z.literal('file_list'), DATA: z.array(file), endpoint: id, path: text, absolute_path: orNull(text), rename_supported: z.boolean(), symlink_supported: z.boolean(), length: count, total: count,
});

export const token = z.strictObject({
  access_token: text, scope: text, expires_in: count, token_type: z.literal('Bearer'), resource_server: text, other_tokens: z.array(z.unknown()),
});
