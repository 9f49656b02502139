// What a client has to stand: tokens that expire, metering, consent, sessions, and everything that can happen to an answer.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SimulatorOptions } from '../../globus-simulator/options.js';
import { CLIENT, simulatedGlobus } from '../../helpers/globus-simulator.js';
import { workspace } from '../../helpers/workspace.js';
import { PlainClient, transfer, type Json } from './client.js';

async function setUp(more: Partial<SimulatorOptions> = {}) {
  const globus = await simulatedGlobus(await workspace(), more);
  const client = new PlainClient(globus.url);
  await client.login();
  return { globus, client };
}

describe('tokens', () => {
  it('are given to who knows the secret, for two days', async () => {
    const { globus, client } = await setUp();
    expect((await client.login()).body).toMatchObject({ expires_in: 172_800, token_type: 'Bearer', resource_server: 'transfer.api.globus.org', other_tokens: [] });
    expect((await client.login(undefined, 'wrong')).status).toBe(401);
    expect((await client.get('/submission_id')).status).toBe(200);
    globus.control({ do: 'advance-clock', ms: 172_800_000 });
    const { status, body } = await client.get('/submission_id');
    expect([status, body['code']]).toEqual([401, 'ClientError.AuthenticationFailed']);
    await client.login();
    expect((await client.get('/submission_id')).status).toBe(200);
  });

  it('need the consent of a mapped collection', async () => {
    const dir = await workspace();
    const id = '11111111-2222-4333-8444-555555555555';
    await mkdir(join(dir, 'mapped'));
    const { client } = await setUp({ collections: [{ id, dir: join(dir, 'mapped'), entityType: 'GCSv5_mapped_collection' }] });
    const { status, body } = await client.get(`/operation/endpoint/${id}/ls?path=/`);
    expect([status, body['code']]).toEqual([403, 'ConsentRequired']);
    const [scope = ''] = body['required_scopes'] as string[];
    expect(scope).toContain(`${id}/data_access`);
    await client.login(scope);
    expect((await client.get(`/operation/endpoint/${id}/ls?path=/`)).status).toBe(200);
  });

  it('do not help when the session has expired', async () => {
    const { globus, client } = await setUp();
    const ls = `/operation/endpoint/${globus.archive.id}/ls?path=/`;
    globus.control({ do: 'collection', id: globus.archive.id, state: { session: 'policy-failed' } });
    expect(await client.get(ls)).toMatchObject({ status: 403, body: { code: 'AuthPolicyFailed', authorization_parameters: { session_required_policies: globus.archive.id } } });
    globus.control({ do: 'collection', id: globus.archive.id, state: { session: 'login-failed' } });
    expect(await client.get(ls)).toMatchObject({ status: 502, body: { code: 'ExternalError.DirListingFailed.LoginFailed' } });
    globus.control({ do: 'collection', id: globus.archive.id, state: { session: 'ok', disconnected: true } });
    expect(await client.get(ls)).toMatchObject({ status: 502, body: { code: 'ExternalError.DirListingFailed.GCDisconnected' } });
    expect(await client.post('/transfer', transfer(globus.source, globus.archive, [['/f', '/f']]))).toMatchObject({ status: 409, body: { code: 'GCDisconnectedException' } });
  });
});

describe('metering', () => {
  it('lets 200 calls in 10 s pass, then says when to come again', async () => {
    let now = 1_800_000_000_000;
    const { client } = await setUp({ requestsPerSecond: 20, now: () => now });
    for (let i = 0; i < 200; i += 50) await Promise.all(Array.from({ length: 50 }, () => client.get('/submission_id')));
    now += 4_000;
    const refused = await client.get('/submission_id');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '6']);
    now += 6_000;
    expect((await client.get('/submission_id')).status).toBe(200);
  });
});

describe('what can happen to a call', () => {
  const submits = async (fault: Parameters<Awaited<ReturnType<typeof setUp>>['globus']['control']>[0]) => {
    const { globus, client } = await setUp();
    globus.control(fault);
    const body = transfer(globus.source, globus.archive, [['/f', '/f']]);
    const first = await client.post('/transfer', body).then(({ status }) => String(status), (error: unknown) => (error as Error).name);
    const accepted = globus.tasks().length;
    const again = await client.post('/transfer', body);
    return [first, accepted, again.body['code'], globus.tasks().length];
  };

  it.each([
    ['the request is lost', { do: 'fault', kind: 'drop-request' }, ['TypeError', 0, 'Accepted', 1]],
    ['the answer is lost', { do: 'fault', kind: 'drop-reply', on: 'POST /v0.10/transfer' }, ['TypeError', 1, 'Duplicate', 1]],
    ['a gateway refuses it', { do: 'fault', kind: 'status', status: 502 }, ['502', 0, 'Accepted', 1]],
    ['a gateway loses the answer', { do: 'fault', kind: 'status', status: 502, after: true }, ['502', 1, 'Duplicate', 1]],
    ['half of the answer comes', { do: 'fault', kind: 'truncate' }, ['SyntaxError', 1, 'Duplicate', 1]],
    ['the connection breaks in the answer', { do: 'fault', kind: 'cut' }, ['TypeError', 1, 'Duplicate', 1]],
    ['the answer is slow', { do: 'fault', kind: 'slow', delayMs: 30 }, ['202', 1, 'Duplicate', 1]],
  ] as const)('%s', async (_, fault, expected) => {
    expect(await submits(fault)).toEqual(expected);
  });

  it('comes as often as told, with a time to wait', async () => {
    const { globus, client } = await setUp();
    globus.control({ do: 'fault', kind: 'status', times: 2, status: 503, retryAfterSeconds: 3 });
    const seen = [await client.get('/submission_id'), await client.get('/submission_id'), await client.get('/submission_id')];
    expect(seen.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual([[503, '3'], [503, '3'], [200, null]]);
    expect(globus.requests().map(({ status }) => status)).toEqual([200, 503, 503, 200]);
  });

  it('can be told by a call, too', async () => {
    const { globus, client } = await setUp();
    const told = await fetch(`${globus.url}/control`, { method: 'POST', body: JSON.stringify({ do: 'fault', kind: 'status', status: 500 }) });
    expect(told.status).toBe(200);
    expect((await client.get('/submission_id')).status).toBe(500);
    const state = (await (await fetch(`${globus.url}/control`)).json()) as { requests: unknown[] };
    expect(state.requests).toHaveLength(2);
    expect(JSON.stringify(state)).not.toContain(CLIENT.secret);
  });
});

describe('files of a collection', () => {
  it('are listed, looked at, made, renamed', async () => {
    const { globus, client } = await setUp();
    const at = `/operation/endpoint/${globus.archive.id}`;
    expect((await client.post(`${at}/mkdir`, { path: '/d' })).body).toMatchObject({ DATA_TYPE: 'mkdir_result', code: 'DirectoryCreated' });
    expect((await client.post(`${at}/mkdir`, { path: '/d' })).body['code']).toBe('ExternalError.MkdirFailed.Exists');
    for (const name of ['a', 'b', '.c']) await writeFile(join(globus.archive.dir, 'd', name), name);
    const names = async (query: string): Promise<unknown[]> => ((await client.get(`${at}/ls?${query}`)).body['DATA'] as Json[]).map(({ name }) => name);
    expect(await names('path=/d')).toEqual(['.c', 'a', 'b']);
    expect(await names('path=/d&show_hidden=0&limit=1&offset=1')).toEqual(['b']);
    expect((await client.post(`${at}/rename`, { old_path: '/d/a', new_path: '/d/z' })).body).toMatchObject({ code: 'FileRenamed' });
    expect((await client.get(`${at}/stat?path=/d/z`)).body).toMatchObject({ DATA_TYPE: 'file', name: 'z', type: 'file', size: 1 });
    expect(await client.get(`${at}/stat?path=/d/a`)).toMatchObject({ status: 404, body: { code: 'NotFound' } });
    expect((await client.get(`${at}/stat?path=/../etc`)).status).toBe(400);
    globus.control({ do: 'path-error', prefix: '/d', code: 'PERMISSION_DENIED' });
    expect(await client.get(`${at}/stat?path=/d/z`)).toMatchObject({ status: 403, body: { code: 'EndpointPermissionDenied' } });
  });
});
