import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ApiError } from './api-error.js';
import type { Context } from './context.js';

export const TRANSFER_SCOPE = 'urn:globus:auth:scope:transfer.api.globus.org:all';
const dataAccess = (collection: string): string => `https://auth.globus.org/scopes/${collection}/data_access`;
export const requiredScope = (collection: string): string => `${TRANSFER_SCOPE}[*${dataAccess(collection)}]`;

export interface Caller {
  readonly client: string;
  readonly scope: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** POST /v2/oauth2/token: the client-credentials grant, which gives no refresh token. */
export function tokenAnswer(context: Context, authorization: string, form: URLSearchParams): Answer {
  const client = knownClient(context, authorization);
  if (client === null) return { status: 401, body: { error: 'invalid_client', error_description: 'client authentication failed' } };
  if (form.get('grant_type') !== 'client_credentials') return { status: 400, body: { error: 'unsupported_grant_type' } };
  const scope = form.get('scope') ?? TRANSFER_SCOPE;
  if (!scope.includes(TRANSFER_SCOPE)) return { status: 400, body: { error: 'invalid_scope' } };
  const token = context.options.makeToken?.() ?? `Ag${randomBytes(32).toString('base64url')}`;
  const seconds = context.options.tokenSeconds ?? 172_800;
  context.store.commit({ t: 'token', token: { hash: hashOf(token), client, scope, expires: context.now() + seconds * 1_000 } });
  const body = {
    access_token: token, scope: TRANSFER_SCOPE, expires_in: seconds, token_type: 'Bearer', resource_server: 'transfer.api.globus.org', other_tokens: [],
  };
  return { status: 200, body };
}

function knownClient(context: Context, authorization: string): string | null {
  const [, basic] = /^Basic (.+)$/i.exec(authorization) ?? [];
  const [id = '', secret = ''] = Buffer.from(basic ?? '', 'base64').toString('utf8').split(':');
  const client = context.options.clients.find((one) => one.id === decodeURIComponent(id));
  const same = client !== undefined && timingSafeEqual(Buffer.from(hashOf(client.secret)), Buffer.from(hashOf(decodeURIComponent(secret))));
  return same ? client.id : null;
}

/** Who calls. Throws 401. */
export function callerOf(context: Context, authorization: string): Caller {
  const [, token] = /^Bearer (.+)$/i.exec(authorization) ?? [];
  const record = token === undefined ? undefined : context.store.tokens.get(hashOf(token));
  if (record === undefined || record.expires <= context.now()) {
    throw new ApiError(401, 'ClientError.AuthenticationFailed', 'Token is not valid or has expired');
  }
  return record;
}

/** Consent and session of a collection. Throws 403 ConsentRequired, 403 or 502 for an expired session, 409 or 502 if it is not connected. */
export function requireAccess(context: Context, caller: Caller, id: string, doing: 'submit' | 'operation'): void {
  const collection = context.collection(id);
  const { session, disconnected } = context.switches.collection(id);
  if (collection.entityType === 'GCSv5_mapped_collection' && collection.highAssurance !== true && !caller.scope.includes(dataAccess(id))) {
    const required_scopes = [requiredScope(id)];
    const message = 'Missing required data_access consent';
    throw new ApiError(403, 'ConsentRequired', message, { required_scopes, authorization_parameters: { required_scopes, session_message: message } });
  }
  if (session !== 'ok') throw sessionExpired(id, session);
  if (!disconnected) return;
  if (doing === 'submit') throw new ApiError(409, 'GCDisconnectedException', 'The Globus Connect Personal endpoint is not currently connected');
  throw new ApiError(502, 'ExternalError.DirListingFailed.GCDisconnected', 'The Globus Connect Personal endpoint is not currently connected');
}

function sessionExpired(id: string, how: 'policy-failed' | 'login-failed'): ApiError {
  if (how === 'policy-failed') {
    const message = 'Failing collection authentication policy';
    return new ApiError(403, 'AuthPolicyFailed', message, { authorization_parameters: { session_message: message, session_required_policies: id } });
  }
  const parameters = {
    session_message: 'Session reauthentication required (Globus Transfer)',
    session_required_identities: [],
    session_required_mfa: false,
    session_required_single_domain: ['simulated.example.org'],
  };
  const message = `Command Failed: Error (login)\nEndpoint: simulated (${id})\nMessage: Login Failed\n---\nDetails: 530-Login incorrect. : GlobusError: v=1 c=LOGIN_DENIED\\r\\n`;
  return new ApiError(502, 'ExternalError.DirListingFailed.LoginFailed', message, { authorization_parameters: parameters });
}
