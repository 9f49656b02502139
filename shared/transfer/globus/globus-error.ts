import { BwError } from '../../errors/bw-error.js';
import type { ErrorAnswer } from './answers.js';
import { answerFault, FAULTS, type Fault, type FaultName } from './faults.js';

export interface FaultContext {
  /** Name of the long-term storage. */
  readonly lts: string;
  readonly subject?: string | undefined;
  /** What the service said. */
  readonly detail?: string | undefined;
  readonly cause?: unknown;
}

export function faultError(fault: FaultName | Fault, { lts, subject, detail, cause }: FaultContext): BwError {
  const { code, ...fields } = typeof fault === 'string' ? FAULTS[fault] : fault;
  return new BwError(code, { ...fields, lts, cause, ...(subject === undefined ? {} : { subject }), ...(detail === undefined ? {} : { detail }) });
}

/** An answer of the service that is no success. */
export class GlobusAnswerError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly answer: ErrorAnswer,
  ) {
    super(`${status} ${code}: ${answer.message ?? answer.error_description ?? ''}${answer.request_id === undefined ? '' : ` (request ${answer.request_id})`}`);
    this.name = 'GlobusAnswerError';
  }

  /** A path, task or collection that is not there. */
  get isMissing(): boolean {
    return this.code !== 'EndpointNotFound' && (this.status === 404 || /NotFound$/.test(this.code));
  }
}

/** The decision about an answer, with the remedy for what only a person can do. `clientId`: whose identity it is. */
export function answerError(error: GlobusAnswerError, context: FaultContext, clientId: string): BwError {
  const { answer } = error;
  const told = { ...context, detail: error.message, cause: error };
  if (error.code === 'ConsentRequired') return faultError(consentMissing(answer, clientId), told);
  if (isSessionTrouble(answer)) return faultError(sessionExpired(answer, clientId), told);
  return faultError(answerFault(error.status, error.code), told);
}

export function requiredScopes(answer: ErrorAnswer): readonly string[] {
  return answer.required_scopes ?? answer.authorization_parameters?.required_scopes ?? [];
}

function isSessionTrouble({ authorization_parameters: wanted }: ErrorAnswer): boolean {
  if (wanted === null || wanted === undefined) return false;
  return [wanted.session_required_identities, wanted.session_required_single_domain, wanted.session_required_policies, wanted.session_required_mfa].some((value) => value !== null && value !== undefined);
}

function consentMissing(answer: ErrorAnswer, clientId: string): Fault {
  const scopes = requiredScopes(answer);
  const wanted = scopes.map((scope) => `'${scope}'`).join(' ');
  return {
    code: 'GLOBUS_CONSENT_REQUIRED',
    retry: 'operator',
    message: `the collection needs a consent that we asked for and did not get: ${wanted === '' ? 'it does not say which' : wanted}`,
    hint: `Use a guest collection on which ${clientId}@clients.auth.globus.org has read and write permission (lts[].globus.collection), or give the consent as that client: ` +
      `GLOBUS_CLI_CLIENT_ID=${clientId} globus session consent ${wanted === '' ? 'SCOPE' : wanted}`,
  };
}

function sessionExpired({ authorization_parameters: wanted }: ErrorAnswer, clientId: string): Fault {
  const list = (value: string | readonly string[] | null | undefined): string => (typeof value === 'string' ? value : (value ?? []).join(','));
  const policies = list(wanted?.session_required_policies);
  const domains = list(wanted?.session_required_single_domain);
  const identities = list(wanted?.session_required_identities);
  const update = policies !== '' ? `--policy '${policies}'` : domains !== '' ? domains : identities;
  return {
    code: 'GLOBUS_SESSION_EXPIRED',
    retry: 'operator',
    message: `the collection wants a person to log in anew${wanted?.session_message === undefined || wanted.session_message === null ? '' : `: ${wanted.session_message}`}`,
    hint: `High-assurance collections cannot be used unattended. Use a guest collection without that policy for ${clientId}@clients.auth.globus.org` +
      (update === '' ? '.' : `, or renew the session: globus session update ${update}`),
  };
}
