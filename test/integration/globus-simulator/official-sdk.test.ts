// The official @globus/sdk as a client that knows nothing of ours: what the simulator answers must be what it expects.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CLIENT, simulatedGlobus, type SimulatedGlobus } from '../../helpers/globus-simulator.js';
import { workspace } from '../../helpers/workspace.js';
import type { Json } from './client.js';

interface SdkAnswer {
  readonly ok: boolean;
  readonly status: number;
  json(): Promise<Json>;
}
interface Options {
  readonly payload?: unknown;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
}
type ByNothing = (options: Options) => Promise<SdkAnswer>;
type ById = (id: string, options: Options) => Promise<SdkAnswer>;

/** As much of the SDK as is used. Its own types are not: one of its declaration files does not compile without skipLibCheck, and some are wrong (`code: 'Accpeted'`). */
interface Sdk {
  readonly transfer: {
    readonly taskSubmission: { readonly submissionId: ByNothing; readonly submitTransfer: ByNothing; readonly submitDelete: ByNothing };
    readonly task: Readonly<Record<'get' | 'update' | 'cancel' | 'getEventList' | 'getSuccessfulTransfers' | 'getSkippedErrors' | 'getPauseInfo', ById>> & { readonly getAll: ByNothing };
    readonly fileOperations: Readonly<Record<'ls' | 'stat' | 'mkdir' | 'rename', ById>>;
    readonly endpoint: { readonly get: ById };
    readonly endpointSearch: ByNothing;
  };
  readonly auth: { readonly oauth2: { readonly token: { readonly token: ByNothing } } };
  readonly errors: { readonly isConsentRequiredError: (body: unknown) => boolean; readonly isAuthorizationRequirementsError: (body: unknown) => boolean };
}

const { transfer, auth, errors } = createRequire(import.meta.url)('@globus/sdk') as Sdk;

let globus: SimulatedGlobus;
let headers: Record<string, string>;

beforeEach(async () => {
  const dir = await workspace();
  const mapped = { id: '11111111-2222-4333-8444-555555555555', dir: join(dir, 'mapped'), entityType: 'GCSv5_mapped_collection' as const };
  await mkdir(mapped.dir);
  const plain = await simulatedGlobus(dir);
  const collections = [...plain.options.collections, mapped];
  await plain.close();
  globus = { ...(await simulatedGlobus(dir, { collections })), source: plain.source, archive: plain.archive };
  vi.stubEnv('GLOBUS_SDK_SERVICE_URL_TRANSFER', globus.url);
  vi.stubEnv('GLOBUS_SDK_SERVICE_URL_AUTH', globus.url);
  const basic = Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64');
  const payload = { grant_type: 'client_credentials', scope: 'urn:globus:auth:scope:transfer.api.globus.org:all' };
  const { access_token: token } = await body(auth.oauth2.token.token({ payload, headers: { Authorization: `Basic ${basic}` } }));
  headers = { Authorization: `Bearer ${String(token)}` };
});
afterEach(() => vi.unstubAllEnvs());

async function body(answer: Promise<SdkAnswer>): Promise<Json> {
  const settled = await answer;
  expect(settled.ok).toBe(true);
  return settled.json();
}

async function submit(to: string, more: Json = {}): Promise<string> {
  const { value: submission_id } = await body(transfer.taskSubmission.submissionId({ headers }));
  const DATA = [{ DATA_TYPE: 'transfer_item', source_path: '/f', destination_path: to }];
  const payload = { submission_id, source_endpoint: globus.source.id, destination_endpoint: globus.archive.id, verify_checksum: true, DATA, ...more };
  const result = await body(transfer.taskSubmission.submitTransfer({ headers, payload }));
  expect(await body(transfer.taskSubmission.submitTransfer({ headers, payload }))).toMatchObject({ code: 'Duplicate', task_id: result['task_id'] });
  return String(result['task_id']);
}

async function ended(id: string): Promise<Json> {
  return vi.waitUntil(async () => {
    const task = await body(transfer.task.get(id, { headers }));
    return task['status'] === 'ACTIVE' ? null : task;
  }, { timeout: 20_000, interval: 5 });
}

it('transfers, and asks for everything there is to know about it', async () => {
  await writeFile(join(globus.source.dir, 'f'), 'content');
  const id = await submit('/to', { label: 'by the sdk' });
  expect(await ended(id)).toMatchObject({ status: 'SUCCEEDED', label: 'by the sdk' });
  expect(await readFile(join(globus.archive.dir, 'to'), 'utf8')).toBe('content');
  expect(await body(transfer.task.getSuccessfulTransfers(id, { headers }))).toMatchObject({ next_marker: null, DATA: [{ destination_path: '/to' }] });
  expect(await body(transfer.task.getSkippedErrors(id, { headers }))).toMatchObject({ DATA: [] });
  const events = await body(transfer.task.getEventList(id, { headers, query: { limit: 5 } }));
  expect((events['DATA'] as Json[]).map(({ code }) => code)).toEqual(['SUCCEEDED', 'STARTED']);
  expect(await body(transfer.task.getPauseInfo(id, { headers }))).toMatchObject({ pause_rules: [] });
  expect(await body(transfer.task.getAll({ headers, query: { filter: 'label:by the sdk', limit: 1 } }))).toMatchObject({ total: 1 });
});

it('changes, cancels and deletes', async () => {
  globus.control({ do: 'freeze', on: true });
  const id = await submit('/to');
  expect(await body(transfer.task.update(id, { headers, payload: { DATA_TYPE: 'task', label: 'changed' } }))).toMatchObject({ code: 'Updated' });
  expect(await body(transfer.task.cancel(id, { headers }))).toMatchObject({ code: 'Canceled' });
  expect(await ended(id)).toMatchObject({ status: 'FAILED', label: 'changed' });
  globus.control({ do: 'freeze', on: false });
  await writeFile(join(globus.archive.dir, 'old'), '');
  const { value: submission_id } = await body(transfer.taskSubmission.submissionId({ headers }));
  const payload = { submission_id, endpoint: globus.archive.id, DATA: [{ DATA_TYPE: 'delete_item', path: '/old' }] };
  const { task_id: deletion } = await body(transfer.taskSubmission.submitDelete({ headers, payload }));
  expect(await ended(String(deletion))).toMatchObject({ type: 'DELETE', status: 'SUCCEEDED' });
});

it('looks at collections and files, and understands what is missing', async () => {
  const { id } = globus.archive;
  await body(transfer.fileOperations.mkdir(id, { headers, payload: { path: '/d' } }));
  await body(transfer.fileOperations.rename(id, { headers, payload: { old_path: '/d', new_path: '/e' } }));
  expect(await body(transfer.fileOperations.ls(id, { headers, query: { path: '/' } }))).toMatchObject({ DATA: [{ name: 'e', type: 'dir' }], rename_supported: true });
  expect(await body(transfer.fileOperations.stat(id, { headers, query: { path: '/e' } }))).toMatchObject({ type: 'dir' });
  expect((await transfer.fileOperations.stat(id, { headers, query: { path: '/d' } })).status).toBe(404);
  expect(await body(transfer.endpoint.get(id, { headers }))).toMatchObject({ id, entity_type: 'GCSv5_guest_collection' });
  expect(await body(transfer.endpointSearch({ headers, query: { filter_scope: 'all' } }))).toMatchObject({ has_next_page: false });
  const refused = await (await transfer.fileOperations.ls('11111111-2222-4333-8444-555555555555', { headers, query: { path: '/' } })).json();
  expect([errors.isConsentRequiredError(refused), errors.isAuthorizationRequirementsError(refused)]).toEqual([true, true]);
});
