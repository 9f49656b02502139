import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatError, toBwError } from '../../../../../shared/errors/bw-error.js';
import { createLimiter } from '../../../../../shared/transfer/bandwidth.js';
import { GlobusClient, type ClientOptions } from '../../../../../shared/transfer/globus/client.js';
import { workspace } from '../../../../helpers/workspace.js';

const ID = '0b5e0c8e-3f5a-4a5e-9d7e-6a1d2f3c4b5a';
const SECRET = 'top-secret-of-the-client';

interface Call {
  readonly path: string;
  readonly authorization: string;
  readonly body: string;
}

type Reply = readonly [status: number, body: unknown, headers?: Record<string, string>] | 'broken' | 'cut';

/** A client whose service answers as told, tokens T1, T2, ... by themselves. */
async function clientOf(...replies: Reply[]): Promise<{ client: GlobusClient; calls: Call[]; waits: number[]; secretFile: string }> {
  const secretFile = join(await workspace(), 'secret');
  await writeFile(secretFile, `${SECRET}\n`, { mode: 0o600 });
  const [calls, waits]: [Call[], number[]] = [[], []];
  let tokens = 0;
  const send = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { pathname, search } = url as URL;
    const body = typeof init?.body === 'string' ? init.body : '';
    calls.push({ path: `${pathname}${search}`, authorization: new Headers(init?.headers).get('authorization') ?? '', body });
    if (pathname === '/v2/oauth2/token') {
      tokens += 1;
      return Promise.resolve(Response.json({ access_token: `T${tokens}`, expires_in: 172_800, resource_server: 'transfer.api.globus.org', scope: 'x', other_tokens: [] }));
    }
    const reply = replies.length > 1 ? (replies.shift() ?? 'broken') : (replies[0] ?? 'broken');
    if (reply === 'broken') return Promise.reject(new TypeError('fetch failed', { cause: new Error('read ECONNRESET') }));
    if (reply === 'cut') return Promise.resolve(new Response('{"DATA_TYPE":"submis', { status: 200 }));
    return Promise.resolve(Response.json(reply[1], { status: reply[0], ...(reply[2] === undefined ? {} : { headers: reply[2] }) }));
  };
  const client = new GlobusClient({
    lts: 'tape', transferUrl: 'https://transfer.example.org', authUrl: 'https://auth.example.org', clientId: ID, secretFile, limiter: null, now: () => 0,
    fetch: send, random: () => 0.5, sleep: (ms) => { waits.push(ms); return Promise.resolve(); },
  });
  return { client, calls, waits, secretFile };
}

const GOOD: Reply = [200, { DATA_TYPE: 'submission_id', value: ID }];
const error = (status: number, code: string, more: object = {}): Reply => [status, { code, message: 'no', request_id: 'R1', ...more }];

describe('calls', () => {
  it('carry a token of the client credentials grant, which is asked for once', async () => {
    const { client, calls } = await clientOf(GOOD);
    expect(await Promise.all([client.submissionId(), client.submissionId()])).toEqual([ID, ID]);
    expect(calls.map(({ path }) => path)).toEqual(['/v2/oauth2/token', '/v0.10/submission_id', '/v0.10/submission_id']);
    expect(calls[0]?.authorization).toBe(`Basic ${Buffer.from(`${ID}:${SECRET}`).toString('base64')}`);
    expect(calls[0]?.body).toBe('grant_type=client_credentials&scope=urn%3Aglobus%3Aauth%3Ascope%3Atransfer.api.globus.org%3Aall');
    expect(calls[1]?.authorization).toBe('Bearer T1');
  });

  it('get a new token at 401, once', async () => {
    const { client, calls } = await clientOf(error(401, 'ClientError.AuthenticationFailed'), GOOD);
    expect(await client.submissionId()).toBe(ID);
    expect(calls.map(({ authorization }) => authorization.slice(0, 9)).filter((each) => each.startsWith('Bearer'))).toEqual(['Bearer T1', 'Bearer T2']);
    const refused = await clientOf(error(401, 'ClientError.AuthenticationFailed'));
    await expect(refused.client.submissionId()).rejects.toMatchObject({ code: 'GLOBUS_AUTH_FAILED', retry: 'operator', lts: 'tape' });
    expect(refused.calls).toHaveLength(4);
  });

  it('are repeated when the service is busy, away, or cut off amid an answer', async () => {
    const { client, waits } = await clientOf([429, { code: 'TooManyRequests' }, { 'retry-after': '3' }], error(502, 'BadGateway'), 'broken', 'cut', GOOD);
    expect(await client.submissionId()).toBe(ID);
    expect(waits).toEqual([3000, 1000, 2000, 4000]);
    const away = await clientOf('broken');
    await expect(away.client.submissionId()).rejects.toMatchObject({ code: 'TRANSFER_IO', retry: 'retry', detail: 'GET /v0.10/submission_id: fetch failed: read ECONNRESET' });
    expect(away.waits).toHaveLength(5);
  });

  it('ask for the scopes of a consent once, then say who can give it, and how', async () => {
    const scope = `urn:globus:auth:scope:transfer.api.globus.org:all[*https://auth.globus.org/scopes/${ID}/data_access]`;
    const missing = error(403, 'ConsentRequired', { required_scopes: [scope], authorization_parameters: { required_scopes: [scope] } });
    const granted = await clientOf(missing, GOOD);
    expect(await granted.client.submissionId()).toBe(ID);
    expect(new URLSearchParams(granted.calls[2]?.body).get('scope')).toBe(scope);
    const refused = await clientOf(missing);
    const thrown = await refused.client.submissionId().catch(toBwError);
    expect(thrown).toMatchObject({ code: 'GLOBUS_CONSENT_REQUIRED', retry: 'operator', hint: expect.stringContaining(`globus session consent '${scope}'`) as string });
  });

  it('say which session has to be renewed', async () => {
    const { client } = await clientOf(error(403, 'AuthPolicyFailed', { authorization_parameters: { session_message: 'policy', session_required_policies: 'P1,P2' } }));
    await expect(client.list(ID, '/')).rejects.toMatchObject({ code: 'GLOBUS_SESSION_EXPIRED', retry: 'operator', hint: expect.stringContaining("globus session update --policy 'P1,P2'") as string });
  });

  it('are not made with an id that is none, and tell what is missing', async () => {
    const { client, calls } = await clientOf(error(404, 'ClientError.NotFound'));
    await expect(client.task('../endpoint')).rejects.toMatchObject({ code: 'GLOBUS_REFUSED' });
    await expect(client.list(`${ID}/../x`, '/')).rejects.toMatchObject({ code: 'GLOBUS_REFUSED' });
    expect(calls).toEqual([]);
    expect([await client.task(ID), await client.stat(ID, '/x'), await client.list(ID, '/x')]).toEqual([null, null, null]);
    const noCollection = await clientOf(error(404, 'EndpointNotFound'));
    await expect(noCollection.client.list(ID, '/')).rejects.toMatchObject({ code: 'LTS_MISSING' });
  });

  it('take no answer of another shape', async () => {
    const { client } = await clientOf([200, { value: '../x' }]);
    await expect(client.submissionId()).rejects.toMatchObject({ code: 'GLOBUS_ANSWER_UNKNOWN', detail: 'value: is not a UUID' });
  });
});

describe('waiting', () => {
  type Answer = (signal: AbortSignal) => Promise<Response>;

  /** A service that answers a call as told, and asks for tokens as told; real waits. */
  async function slowClient(answer: Answer, { token, ...more }: Partial<ClientOptions> & { readonly token?: Answer } = {}): Promise<GlobusClient> {
    const secretFile = join(await workspace(), 'secret');
    await writeFile(secretFile, SECRET, { mode: 0o600 });
    const granted: Answer = () => Promise.resolve(Response.json({ access_token: 'T', expires_in: 1000, resource_server: 'transfer.api.globus.org', scope: 'x', other_tokens: [] }));
    const send = (url: string | URL | Request, init?: RequestInit): Promise<Response> => ((url as URL).pathname === '/v2/oauth2/token' ? (token ?? granted) : answer)(init?.signal ?? new AbortController().signal);
    return new GlobusClient({ lts: 'tape', transferUrl: 'https://transfer.example.org', authUrl: 'https://auth.example.org', clientId: ID, secretFile, limiter: null, now: () => 0, fetch: send, ...more });
  }

  const silent: Answer = (signal) => new Promise((_, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error); }); });
  const neverEnding: Answer = (signal) => Promise.resolve(new Response(new ReadableStream({ start: (body) => { body.enqueue(Buffer.from('{')); signal.addEventListener('abort', () => { body.error(signal.reason); }); } })));
  const busy: Answer = () => Promise.resolve(Response.json({ code: 'TooManyRequests' }, { status: 429, headers: { 'retry-after': '50' } }));
  const good: Answer = () => Promise.resolve(Response.json({ DATA_TYPE: 'submission_id', value: ID }));

  it.each<[string, Answer]>([['an answer', silent], ['the end of an answer', neverEnding]])('for %s has a limit, each time', async (_, answer) => {
    const waits: number[] = [];
    const client = await slowClient(answer, { timeoutMs: 10, sleep: (ms) => { waits.push(ms); return Promise.resolve(); } });
    await expect(client.submissionId()).rejects.toMatchObject({ code: 'TRANSFER_IO', retry: 'retry', lts: 'tape' });
    expect(waits).toHaveLength(5);
  });

  it.each<[string, Answer, Parameters<typeof slowClient>[1]]>([
    ['an answer', silent, {}],
    ['the end of an answer', neverEnding, {}],
    ['the next try', busy, {}],
    ['its turn', good, { limiter: createLimiter(0.001) }],
    ['a token, which others may wait for too', good, { token: silent, timeoutMs: 50, sleep: () => Promise.resolve() }],
  ])('for %s ends when the caller gives up', async (_, answer, more) => {
    const client = await slowClient(answer, more);
    const stop = new AbortController();
    const calling = client.during(stop.signal).submissionId();
    const others = more?.token === undefined ? null : expect(client.submissionId()).rejects.toMatchObject({ code: 'TRANSFER_IO' });
    setTimeout(() => { stop.abort(); }, 20);
    await expect(calling).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' });
    await others;
  });
});

describe('the secret', () => {
  it('is not taken from a file others can read, nor from an empty one', async () => {
    const { client, secretFile, calls } = await clientOf(GOOD);
    await chmod(secretFile, 0o640);
    await expect(client.submissionId()).rejects.toMatchObject({ code: 'GLOBUS_SECRET_UNUSABLE', retry: 'operator', subject: secretFile });
    await chmod(secretFile, 0o600);
    await writeFile(secretFile, '\n');
    await expect(client.submissionId()).rejects.toMatchObject({ code: 'GLOBUS_SECRET_UNUSABLE' });
    expect(calls).toEqual([]);
    await writeFile(secretFile, SECRET);
    expect(await client.submissionId()).toBe(ID);
  });

  it('is in no error, nor is a token', async () => {
    for (const reply of [error(401, 'x'), error(403, 'PermissionDenied'), [200, { access_token: 'T1' }] as const, 'broken'] satisfies Reply[]) {
      const thrown = toBwError(await (await clientOf(reply)).client.submissionId().catch((each: unknown) => each));
      const told = formatError(thrown) + JSON.stringify(thrown) + String(thrown.stack);
      expect(told).not.toMatch(/top-secret|T1\b|Basic|Bearer/);
    }
  });
});
