import { lstatSync, mkdirSync, readdirSync, renameSync, statSync, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import { ApiError, badRequest } from './api-error.js';
import { requireAccess } from './auth.js';
import type { Context } from './context.js';
import type { CollectionOptions } from './options.js';
import { localFile } from './paths.js';
import { offsetPage, type Call } from './task-api.js';

/** The resources below /operation/endpoint and /endpoint. */
export class FileOperations {
  constructor(readonly context: Context) {}

  ls(call: Call): Record<string, unknown> {
    const { collection, file, path } = this.#named(call, call.query.get('path') ?? '/~/');
    const stat = this.#stat(collection, file, path);
    if (!stat.isDirectory()) throw failed(502, 'ExternalError.DirListingFailed.NotDirectory', collection, `${path} is not a directory`);
    const hidden = call.query.get('show_hidden') !== '0' && call.query.get('show_hidden') !== 'false';
    const keep = nameFilter(call.query.get('filter'));
    const names = readdirSync(file).filter((name) => (hidden || !name.startsWith('.')) && keep(name)).sort();
    const page = offsetPage(names, call.query, 100_000, 100_000);
    const { length, total } = page.place as { length: number; total: number };
    return {
      DATA_TYPE: 'file_list', endpoint: collection.id, path, absolute_path: path, rename_supported: true, symlink_supported: false,
      DATA: page.part.flatMap((name) => fileDocument(join(file, name))), length, total,
    };
  }

  stat(call: Call): Record<string, unknown> {
    const { collection, file, path } = this.#named(call, call.query.get('path') ?? '/~/');
    this.#stat(collection, file, path);
    const [document] = fileDocument(file);
    if (document === undefined) throw notFound(collection, path);
    return document;
  }

  mkdir(call: Call): Record<string, unknown> {
    const { path: given = '' } = call.body as { path?: string };
    const { collection, file, path } = this.#named(call, given);
    try {
      mkdirSync(file);
    } catch (thrown) {
      const exists = (thrown as NodeJS.ErrnoException).code === 'EEXIST';
      throw failed(502, exists ? 'ExternalError.MkdirFailed.Exists' : 'ExternalError.MkdirFailed', collection, exists ? `Path ${path} already exists` : `Error (mkdir) ${path}: No such file or directory`);
    }
    return { DATA_TYPE: 'mkdir_result', code: 'DirectoryCreated', message: 'The directory was created successfully' };
  }

  rename(call: Call): Record<string, unknown> {
    const { old_path: from = '', new_path: to = '' } = call.body as { old_path?: string; new_path?: string };
    const { collection, file } = this.#named(call, from);
    const target = this.#named(call, to);
    this.#stat(collection, file, from);
    if (lstatSync(target.file, { throwIfNoEntry: false }) !== undefined) throw failed(502, 'ExternalError.RenameFailed', collection, `Path ${to} already exists`);
    try {
      renameSync(file, target.file);
    } catch {
      throw failed(502, 'ExternalError.RenameFailed', collection, `Error (rename) ${from}`);
    }
    return { DATA_TYPE: 'result', code: 'FileRenamed', message: 'File or directory renamed successfully' };
  }

  endpoint({ ids: [id = ''] }: Call): Record<string, unknown> {
    return endpointDocument(this.context.collection(id));
  }

  search({ query }: Call): Record<string, unknown> {
    const text = query.get('filter_fulltext');
    if (text === null && query.get('filter_scope') === null) throw badRequest('filter_fulltext or filter_scope is needed');
    const found = this.context.options.collections.filter((one) => text === null || `${one.displayName ?? ''} ${one.id}`.toLowerCase().includes(text.toLowerCase()));
    const page = offsetPage(found, query, 25, 100);
    const { limit, offset, has_next_page } = page.place;
    return { DATA_TYPE: 'endpoint_list', DATA: page.part.map(endpointDocument), limit, offset, has_next_page };
  }

  #named(call: Call, path: string): { collection: CollectionOptions; file: string; path: string } {
    const [id = ''] = call.ids;
    const collection = this.context.collection(id);
    requireAccess(this.context, call.caller, id, 'operation');
    const { pauseMessage } = this.context.switches.collection(id);
    if (pauseMessage !== null) throw new ApiError(409, 'OperationPaused', `The operation is paused by the endpoint administrator: ${pauseMessage}`);
    return { collection, file: localFile(collection, path), path };
  }

  #stat(collection: CollectionOptions, file: string, path: string): Stats {
    const code = this.context.switches.pathError(collection.id, path, 'destination') ?? this.context.switches.pathError(collection.id, path, 'source');
    if (code === 'PERMISSION_DENIED') throw denied(collection, path);
    try {
      return statSync(file);
    } catch (thrown) {
      const { code: errno } = thrown as NodeJS.ErrnoException;
      throw errno === 'EACCES' || errno === 'EPERM' ? denied(collection, path) : notFound(collection, path);
    }
  }
}

function failed(status: number, code: string, collection: CollectionOptions, message: string): ApiError {
  return new ApiError(status, code, `Command Failed: Error\nEndpoint: simulated (${collection.id})\nServer: 127.0.0.1:443\nMessage: ${message}`);
}

function notFound(collection: CollectionOptions, path: string): ApiError {
  const details = `Error: '${path}' not found\\r\\n550-GlobusError: v=1 c=PATH_NOT_FOUND\\r\\n550-GridFTP-Errno: 2\\r\\n`;
  return new ApiError(404, 'NotFound', `Path not found, Error (list)\nEndpoint: simulated (${collection.id})\nMessage: No such file or directory\n---\nDetails: ${details}`);
}

function denied(collection: CollectionOptions, path: string): ApiError {
  return new ApiError(403, 'EndpointPermissionDenied', `Denied by endpoint, Error (list)\nEndpoint: simulated (${collection.id})\nCommand: MLST ${path}\nMessage: Fatal FTP Response`);
}

/** `name:TEXT` or `name:~GLOB` of the filter; anything else is not simulated. */
function nameFilter(filter: string | null): (name: string) => boolean {
  if (filter === null) return () => true;
  const [, glob, text] = /^name:(~?)([^/]*)$/.exec(filter) ?? [];
  if (text === undefined) throw badRequest(`invalid filter '${filter}'`);
  if (glob === '') return (name) => text.split(',').includes(name);
  const pattern = new RegExp(`^${text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 'i');
  return (name) => pattern.test(name);
}

/** None for what was removed meanwhile. */
function fileDocument(file: string): Record<string, unknown>[] {
  const link = lstatSync(file, { throwIfNoEntry: false });
  if (link === undefined) return [];
  const stat = statSync(file, { throwIfNoEntry: false });
  const type = stat === undefined ? 'invalid_symlink' : stat.isDirectory() ? 'dir' : stat.isFile() ? 'file' : 'other';
  return [{
    DATA_TYPE: 'file', name: basename(file), type, size: (stat ?? link).size,
    last_modified: `${(stat ?? link).mtime.toISOString().slice(0, 19).replace('T', ' ')}+00:00`,
    permissions: `0${((stat ?? link).mode & 0o7777).toString(8)}`, user: String((stat ?? link).uid), group: String((stat ?? link).gid),
    link_target: null, link_size: null, link_user: null, link_group: null, link_last_modified: null,
  }];
}

function endpointDocument(collection: CollectionOptions): Record<string, unknown> {
  const { id, displayName, entityType = 'GCSv5_guest_collection', highAssurance = false, forceVerify = false, disableVerify = false } = collection;
  return {
    DATA_TYPE: 'endpoint', id, display_name: displayName ?? `simulated ${id.slice(0, 8)}`, entity_type: entityType, canonical_name: `u_simulated#${id}`,
    name: id, username: 'u_simulated', owner_id: id, owner_string: 'simulator', description: null, organization: null, department: null, keywords: null,
    contact_email: null, contact_info: null, info_link: null, user_message: null, user_message_link: null, public: false, subscription_id: null,
    default_directory: '/', force_encryption: false, force_verify: forceVerify, disable_verify: disableVerify, high_assurance: highAssurance,
    authentication_timeout_mins: highAssurance ? 60 : null, mfa_required: false, requester_pays: false, is_globus_connect: false, gcs_version: '5.4.80',
    host_endpoint_id: null, host_path: null, mapped_collection_id: null, mapped_collection_display_name: null, non_functional: false,
    acl_available: true, in_use: false, my_effective_roles: [], gcp_connected: null, gcp_paused: null, network_use: 'normal', location: null,
    max_concurrency: 4, preferred_concurrency: 2, max_parallelism: 8, preferred_parallelism: 4, https_server: null, tlsftp_server: null, gcs_manager_url: null,
    shareable: false, last_accessed_time: null,
  };
}
