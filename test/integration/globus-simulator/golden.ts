// Answers as public sources have them, typed anew with invented ids and names (the sources: Apache-2.0 repositories of Globus and its users).

const ID = '9c2f4d7e-1b3a-4c5d-8e6f-0a1b2c3d4e5f';
const said = (resource: string) => ({ message: 'said by the service', request_id: 'aBcD1234x', resource });
const pair = { source_path: '/from/here', destination_path: '/to/there' };
const noLink = { link_target: null, link_size: null, link_user: null, link_group: null, link_last_modified: null };
const zeros = (prefix: string, names: readonly string[]) => Object.fromEntries(names.map((name) => [`${prefix}${name}`, 0]));
const nulls = (prefix: string, names: readonly string[]) => Object.fromEntries(names.map((name) => [`${prefix}${name}`, null]));

/** globus-sdk-python, testing/data/transfer/submit_transfer.py */
export const SUBMITTED = {
  DATA_TYPE: 'transfer_result', code: 'Accepted', submission_id: ID, task_id: ID, ...said('/v0.10/transfer'),
  task_link: { DATA_TYPE: 'link', href: `/v0.10/task/${ID}?format=json`, rel: 'related', resource: 'task', title: 'related task' },
};
export const NO_ITEMS = { code: 'ClientError.BadRequest.NoTransferItems', ...said('/v0.10/transfer') };

/** globus-sdk-python, testing/data/transfer/cancel_task.py, operation_mkdir.py, operation_rename.py */
export const CANCELED = { DATA_TYPE: 'result', code: 'Canceled', ...said(`/task/${ID}/cancel`) };
export const MADE = { DATA_TYPE: 'mkdir_result', code: 'DirectoryCreated', ...said(`/operation/endpoint/${ID}/mkdir`) };
export const RENAMED = { DATA_TYPE: 'result', code: 'FileRenamed', ...said(`/v0.10/operation/endpoint/${ID}/rename`) };

/** globus-sdk-python, testing/data/transfer/operation_stat.py: found, not found, denied */
export const FILE = {
  DATA_TYPE: 'file', group: 'staff', last_modified: '2023-12-18 16:52:50+00:00', name: 'file1.txt', permissions: '0644', size: 4, type: 'file', user: 'alice', ...noLink,
};
export const NOT_FOUND = { code: 'NotFound', ...said(`/operation/endpoint/${ID}/stat`) };
export const DENIED = { code: 'EndpointPermissionDenied', ...said(`/operation/endpoint/${ID}/stat`) };

/** As listings of real collections are shown by users of the API (tapis globus-proxy, neuropy). */
export const FILE_LIST = {
  DATA_TYPE: 'file_list', DATA: [FILE], absolute_path: '/data/', endpoint: ID, length: 1, path: '/data/', rename_supported: true, symlink_supported: false, total: 1,
};

/** globus-sdk-python, testing/data/transfer/endpoint_manager_task_successful_transfers.py */
export const SUCCESSES = { DATA_TYPE: 'successful_transfers', marker: 0, next_marker: 93979, DATA: [{ DATA_TYPE: 'successful_transfer', ...pair }] };

/** Type declarations of @globus/sdk: SkippedErrorDocument, EventDocument. */
export const SKIPPED = {
  DATA_TYPE: 'skipped_errors', marker: 0, next_marker: null,
  DATA: [{
    DATA_TYPE: 'skipped_error', error_code: 'FILE_NOT_FOUND', error_details: 'no such file', error_time: '2026-05-14T16:49:11+00:00', ...pair,
    is_directory: false, is_symlink: false, is_delete_destination_extra: false, external_checksum: null, checksum_algorithm: null,
  }],
};
export const EVENTS = {
  DATA_TYPE: 'event_list', length: 1, limit: 10, offset: 0, total: 1,
  DATA: [{ DATA_TYPE: 'event', code: 'PERMISSION_DENIED', is_error: true, description: 'permission denied', details: 'Error (transfer)', time: '2026-05-14T16:49:11+00:00' }],
};

/** globus-cli, tests/functional/task/test_task_pause_info.py */
export const PAUSE = {
  endpoint_display_name: 'some collection', message: 'not now', ...nulls('', ['source_pause_message', 'source_pause_message_share', 'destination_pause_message', 'destination_pause_message_share']),
  pause_rules: [{
    DATA_TYPE: 'pause_rule', id: ID, message: 'not now', start_time: null, endpoint_id: ID, identity_id: null, modified_by_id: ID, created_by_host_manager: false, editable: true,
    pause_ls: true, pause_mkdir: true, pause_rename: true, pause_task_delete: true, pause_task_transfer_write: true, pause_task_transfer_read: true,
  }],
};

/** globus-cli, tests/functional/exception_handling/test_session_hooks.py; globus-sdk-javascript, src/__mocks__/errors/authorization_parameters.ts */
const SCOPE = `urn:globus:auth:scope:transfer.api.globus.org:all[*https://auth.globus.org/scopes/${ID}/data_access]`;
export const CONSENT = {
  authorization_parameters: { required_scopes: [SCOPE], session_message: 'a consent is missing' }, code: 'ConsentRequired', ...said(`/operation/endpoint/${ID}/ls`), required_scopes: [SCOPE],
};
export const POLICY = { authorization_parameters: { session_message: 'policy', session_required_policies: ID }, code: 'AuthPolicyFailed', ...said(`/operation/endpoint/${ID}/ls`) };
export const LOGIN = {
  authorization_parameters: { session_message: 'log in', session_required_identities: [], session_required_mfa: false, session_required_single_domain: ['example.org'] },
  code: 'ExternalError.DirListingFailed.LoginFailed', ...said(`/operation/endpoint/${ID}/ls`),
};

/** globus-sdk-python, testing/data/auth/oauth2_client_credentials_tokens.py */
export const TOKEN = {
  access_token: 'a token', scope: 'urn:globus:auth:scope:transfer.api.globus.org:all', expires_in: 172_800, token_type: 'Bearer', resource_server: 'transfer.api.globus.org', other_tokens: [],
};

const side = (name: string) => ({
  [`${name}_endpoint`]: `u_abc#${ID}`, [`${name}_endpoint_id`]: ID, [`${name}_endpoint_display_name`]: 'some collection', [`${name}_base_path`]: null, [`${name}_local_user_status`]: 'NO_PERMISSION',
  ...nulls(`${name}_`, ['host_endpoint', 'host_endpoint_display_name', 'host_endpoint_id', 'host_path', 'local_user', 'mapped_collection_display_name', 'mapped_collection_id']),
});
/** An answer of the live service, kept in the tests of sul-dlss/globus_client (spec/globus_client/endpoint_manager_spec.rb); also get_task1_*.json of globus-sdk-python. */
export const TASK = {
  DATA_TYPE: 'task', command: 'API 0.10 go', completion_time: '2025-05-14T16:49:23+00:00', deadline: '2025-05-15T16:49:11+00:00', request_time: '2025-05-14T16:49:11+00:00',
  ...side('source'), ...side('destination'), effective_bytes_per_second: 41, encrypt_data: true, verify_checksum: true, fail_on_quota_errors: false, delete_destination_extra: false,
  preserve_timestamp: false, skip_source_errors: false, history_deleted: false, is_ok: null, is_paused: false, bytes_checksummed: 0, bytes_transferred: 500, faults: 0, files: 2, files_skipped: 0,
  files_transferred: 2, directories: 0, symlinks: 0, owner_id: ID, owner_string: 'alice@example.org', recursive_symlinks: 'ignore', status: 'SUCCEEDED', sync_level: null, task_id: ID, type: 'TRANSFER',
  username: 'u_abc', ...zeros('subtasks_', ['canceled', 'expired', 'failed', 'pending', 'retrying', 'skipped_errors']), subtasks_succeeded: 4, subtasks_total: 4,
  ...nulls('', ['canceled_by_admin', 'canceled_by_admin_message', 'fatal_error', 'filter_rules', 'label', 'nice_status', 'nice_status_details', 'nice_status_expires_in', 'nice_status_short_description']),
};
