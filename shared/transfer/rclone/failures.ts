import { BwError, type BwErrorFields } from '../../errors/bw-error.js';
import { withoutSecrets } from '../without-secrets.js';
import type { Message } from './messages.js';

/** What rclone met, as far as it can be told from what it says. */
export type FailureKind = 'missing' | 'full' | 'denied' | 'config' | 'recalling' | 'connection' | 'other';

/**
 * The first that fits counts. rc says little: 1 is anything (full disk, denied, no connection, no such remote), 3 and 4 that something is not there, 5 to 7 how hopeless
 * rclone thinks it is. Texts seen with 1.60.1 on local, sftp, ftp and webdav; those of object stores are from their documentation.
 */
const PATTERNS: readonly (readonly [FailureKind, RegExp])[] = [
  ['full', /no space left|too big for remaining disk space|quota exceeded|quotaexceeded|insufficient storage|\b507\b|\b552\b|disk full|out of disk space|storage limit/i],
  ['config', /didn't find section in config file|didn't find backend called|unable to decrypt|failed to load config|couldn't decode config|is it obscured|unknown (?:flag|command|shorthand)|config file .* not found/i],
  ['recalling', /InvalidObjectState|object is archived|restore first|RestoreAlreadyInProgress/i],
  ['denied', /permission denied|access ?denied|operation not permitted|not permitted|read-only file system|\b401\b|\b403\b|unauthori[sz]ed|unable to authenticate|\b530\b|login incorrect|invalid_grant|InvalidAccessKeyId|SignatureDoesNotMatch|token .*expired|knownhosts|host key|\b550\b.*denied/i],
  ['connection', /connection (?:refused|reset|lost|closed)|couldn't connect|no route to host|network is unreachable|i\/o timeout|timed? ?out|no such host|unexpected EOF|\bEOF\b|broken pipe|TLS handshake|\b50[0234]\b|\b429\b|too many requests/i],
  ['missing', /directory not found|object not found|file not found|no such file or directory|bucket (?:not found|does not exist)|NoSuchBucket|NoSuchKey|\b404\b/i],
];

/** What kind of failure it was (pure). `object`: only what is said of this one, if anything is. */
export function kindOfFailure(code: number | null, messages: readonly Message[], object?: string): FailureKind {
  const errors = messages.filter(({ level }) => level === 'error' || level === 'critical' || level === 'fatal');
  const own = object === undefined ? [] : errors.filter((message) => message.object === object);
  const said = (own.length > 0 ? own : errors).map(({ text }) => text).join('\n');
  const fits = PATTERNS.find(([, pattern]) => pattern.test(said));
  if (fits !== undefined) return fits[0];
  return code === 3 || code === 4 ? 'missing' : 'other';
}

type Decision = readonly [code: string, fields: Pick<BwErrorFields, 'message' | 'retry' | 'hint'>];

const DECISIONS: Readonly<Record<Exclude<FailureKind, 'missing'>, Decision>> = {
  full: ['TRANSFER_NO_SPACE', {
    message: 'the long-term storage is full, or our quota there is used up',
    retry: 'operator',
    hint: 'Make room or raise the quota (nothing was published, staging still holds the data); then re-drive the job.',
  }],
  denied: ['TRANSFER_DENIED', {
    message: 'the long-term storage does not let us do this',
    retry: 'operator',
    hint: 'Check credentials and permissions of the remote with `rclone lsd REMOTE: --config FILE`, as the user of this service; `bw-bkup doctor` tells whether it works again.',
  }],
  config: ['RCLONE_CONFIG', {
    message: 'rclone cannot use its configuration',
    retry: 'operator',
    hint: 'Check lts[].rclone.remote and configFile with `rclone listremotes --config FILE`; then `bw-bkup doctor`.',
  }],
  recalling: ['RESTORE_NOT_RECALLED', {
    message: 'the object is archived and has to be recalled first, which takes hours',
    retry: 'retry',
    hint: 'Its recall was ordered when the restore began, and it is tried again; hours are usual for cold classes.',
  }],
  connection: ['TRANSFER_IO', {
    message: 'the long-term storage could not be reached, or the connection broke',
    retry: 'retry',
    hint: 'It is tried again. If it persists, check the network and the server of this remote.',
  }],
  other: ['TRANSFER_IO', {
    message: 'rclone failed',
    retry: 'retry',
    hint: 'It is tried again. If it persists, read what rclone says below; `bw-bkup doctor` makes a small round trip.',
  }],
};

/** Enough to see what it was; a failed batch repeats itself. */
const DETAIL_LINES = 10;

/** Where it happened, and to what. */
export interface Where {
  readonly lts: string;
  readonly subject: string;
}

/** The error for a kind (pure). Something that should be there and is not counts as a broken storage: it is tried again. */
export function rcloneError(kind: FailureKind, messages: readonly Message[], { lts, subject }: Where): BwError {
  const [code, fields] = DECISIONS[kind === 'missing' ? 'other' : kind];
  const said = messages.filter(({ level }) => level !== 'info' && level !== 'warning').map(({ text }) => text);
  return new BwError(code, { ...fields, lts, subject, detail: [...new Set(said)].slice(0, DETAIL_LINES).map(withoutSecrets).join('\n') });
}
