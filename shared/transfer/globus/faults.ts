import type { Retry } from '../../errors/bw-error.js';

/** What an event of a task, or an answer of the service, means for us. */
export interface Fault {
  /** Of BwError. */
  readonly code: string;
  readonly retry: Retry;
  readonly message: string;
  readonly hint: string;
}

/** The kinds of trouble there are. */
export const FAULTS = {
  auth: {
    code: 'GLOBUS_AUTH_FAILED',
    retry: 'operator',
    message: 'Globus, or one of the collections, does not accept our credentials',
    hint: 'Check lts[].globus.clientId and secretFile against the app at developers.globus.org, and the credentials of the collection; then re-drive the job.',
  },
  denied: {
    code: 'TRANSFER_DENIED',
    retry: 'operator',
    message: 'the collection does not let us do this',
    hint: 'Give the client identity (CLIENT_ID@clients.auth.globus.org) read and write permission on this path of the collection, then re-drive the job.',
  },
  exists: {
    code: 'TRANSFER_OBJECT_EXISTS',
    retry: 'permanent',
    message: 'another object of this name is in long-term storage already, with other content; it was left as it is',
    hint: 'Names are never used twice, so that object is damaged or foreign: find out which backup names it before removing anything.',
  },
  path: {
    code: 'GLOBUS_PATH_WRONG',
    retry: 'operator',
    message: 'the collection does not find a file or directory under the path we gave',
    hint: 'Compare lts[].globus.sources (collection and path of the staging directory) and lts[].dir with what the collections show; then re-drive the job.',
  },
  paused: {
    code: 'GLOBUS_PAUSED',
    retry: 'operator',
    message: 'an administrator of a collection has paused the task',
    hint: 'It goes on when the pause ends. Ask the administrator of the collection; the task is kept for 90 days.',
  },
  inactive: {
    code: 'GLOBUS_INACTIVE',
    retry: 'operator',
    message: 'Globus has suspended the task: it needs somebody to act, normally for credentials of a collection',
    hint: 'Open the task in the Globus web app (app.globus.org/activity) as the client identity, or ask the administrator of the collection; then re-drive the job.',
  },
  removedByAdmin: {
    code: 'GLOBUS_CANCELED',
    retry: 'operator',
    message: 'an administrator of a collection has cancelled the task',
    hint: 'Ask the administrator of the collection why, then re-drive the job.',
  },
  full: {
    code: 'TRANSFER_NO_SPACE',
    retry: 'operator',
    message: 'the long-term storage is full, or our quota there is used up',
    hint: 'Make room or raise the quota (staging still holds the data); then re-drive the job.',
  },
  io: {
    code: 'TRANSFER_IO',
    retry: 'retry',
    message: 'Globus could not move the data',
    hint: 'It is tried again. If it persists, look at the task in the Globus web app (app.globus.org/activity) and at the state of both collections.',
  },
  busy: {
    code: 'GLOBUS_BUSY',
    retry: 'retry',
    message: 'Globus takes nothing more from us for the moment',
    hint: 'It is tried again. If it persists, lower lts[].globus.maxTasks or look what else uses this client identity.',
  },
  mismatch: {
    code: 'TRANSFER_VERIFY_MISMATCH',
    retry: 'retry',
    message: 'what arrived has another checksum than what was sent',
    hint: 'It is sent again. If it happens more than once, check the storage and the network path to it.',
  },
  sourceChanged: {
    code: 'TRANSFER_SOURCE_CORRUPT',
    retry: 'permanent',
    message: 'the file in staging changed while it was read; nothing was published',
    hint: 'The shard that made it has to be done again. If it happens more than once, look who works in the staging directory.',
  },
  refused: {
    code: 'GLOBUS_REFUSED',
    retry: 'permanent',
    message: 'Globus does not understand, or does not take, the request',
    hint: 'This is a fault in bw-bkup, or the API has changed: report it with what it said.',
  },
  endpoint: {
    code: 'LTS_MISSING',
    retry: 'operator',
    message: 'Globus knows no collection of this id',
    hint: 'Check lts[].globus.collection and lts[].globus.sources against the web app (app.globus.org/collections).',
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/**
 * What events of a task mean (codes: Globus staff, 2020). `stuck`: Globus tries again until the deadline, a day or more, while the task looks ACTIVE; nothing comes of
 * that unless somebody acts, so it is cancelled after a while. null: no trouble.
 */
export const EVENTS: Readonly<Record<string, readonly [fault: FaultName, follows: 'stuck' | 'wait'] | null>> = {
  ACL_CHANGED: ['denied', 'stuck'],
  AMBIGUOUS_PATH: ['path', 'stuck'],
  AUTH: ['auth', 'stuck'],
  CANCELED: null,
  CLOCK: ['auth', 'stuck'],
  CONNECT_FAILED: ['io', 'wait'],
  CONNECTION_BROKEN: ['io', 'wait'],
  CONNECTION_RESET: ['io', 'wait'],
  ENDPOINT_ERROR: ['io', 'wait'],
  ENDPOINT_TOO_BUSY: ['io', 'wait'],
  EXPIRED: ['io', 'wait'],
  EXTERNAL_CHECKSUM_MISMATCH: ['mismatch', 'stuck'],
  FAILED: null,
  FILE_NOT_FOUND: ['path', 'stuck'],
  FILE_SIZE_CHANGED: ['sourceChanged', 'stuck'],
  GC_NOT_CONNECTED: ['io', 'wait'],
  GC_PAUSED: ['paused', 'wait'],
  GSI_DN_MISMATCH: ['auth', 'stuck'],
  INTERNAL_ERROR: ['io', 'wait'],
  INVALID_PATH_NAME: ['path', 'stuck'],
  INVALID_SERVICE_CREDENTIAL: ['auth', 'stuck'],
  INVALID_SYMLINK: ['path', 'stuck'],
  IS_A_DIRECTORY: ['path', 'stuck'],
  IS_A_FILE: ['path', 'stuck'],
  LIMIT_EXCEEDED: ['denied', 'stuck'],
  MPU_NOT_FOUND: ['io', 'stuck'],
  NOT_A_DIRECTORY: ['path', 'stuck'],
  NOT_A_FILE: ['path', 'stuck'],
  NOT_A_SYMLINK: ['path', 'stuck'],
  NO_APPEND_FILESYSTEM: ['io', 'stuck'],
  NO_CREDENTIALS: ['auth', 'stuck'],
  NO_PHYSICALS: ['io', 'wait'],
  NO_SPACE_LEFT: ['full', 'stuck'],
  PAUSED: ['paused', 'wait'],
  PERMISSION_DENIED: ['denied', 'stuck'],
  PROGRESS: null,
  QUOTA_EXCEEDED: ['full', 'stuck'],
  STARTED: null,
  SUCCEEDED: null,
  TIMEOUT: ['io', 'wait'],
  UNKNOWN: ['io', 'wait'],
  UNPAUSED: null,
  VERIFY_CHECKSUM: ['mismatch', 'stuck'],
};

/** The fault of an event code (pure); of one nobody knows yet, `io`. */
export function eventFault(code: string): { readonly fault: FaultName; readonly follows: 'stuck' | 'wait' } | null {
  const known = Object.hasOwn(EVENTS, code) ? EVENTS[code] : (['io', 'wait'] as const);
  return known === null || known === undefined ? null : { fault: known[0], follows: known[1] };
}

/** What an answer that is no success means (pure): the first line that fits. Codes have dots: `ExternalError.DirListingFailed.LoginFailed`. */
const ANSWERS: readonly (readonly [status: number | null, code: RegExp, fault: FaultName])[] = [
  [null, /^EndpointNotFound$/, 'endpoint'],
  [null, /LoginFailed|NoCredException|AuthenticationFailed|NotAuthenticated/, 'auth'],
  [null, /PermissionDenied|Forbidden/, 'denied'],
  [null, /Paused/, 'paused'],
  [null, /GCDisconnected/, 'io'],
  [null, /\bExists$/, 'exists'],
  [null, /NotFound$/, 'path'],
  [401, /./, 'auth'],
  [403, /./, 'denied'],
  [404, /./, 'path'],
  [408, /./, 'io'],
  [409, /./, 'busy'],
  [429, /./, 'busy'],
];

export function answerFault(status: number, code: string): FaultName {
  const found = ANSWERS.find(([wanted, pattern]) => (wanted === null || wanted === status) && pattern.test(code));
  return found?.[2] ?? (status >= 500 ? 'io' : 'refused');
}
