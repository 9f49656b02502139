import { BwError, type Retry } from '../../errors/bw-error.js';
import { withoutSecrets } from '../without-secrets.js';

export interface Verdict {
  readonly code: 'TRANSFER_NO_SPACE' | 'TRANSFER_DENIED' | 'TRANSFER_IO';
  readonly message: string;
  readonly retry: Retry;
  readonly hint: string;
}

const RENEW = 'Renew the certificate or proxy of lts[].gridftp (its files are read anew each time); `bw-bkup breaker list` shows when it is in use again.';
const AGAIN = 'It is tried again. If it persists, look at the GridFTP server, its log, and the network path to it.';

function verdict(code: Verdict['code'], message: string, hint: string): Verdict {
  return { code, message, retry: code === 'TRANSFER_IO' ? 'retry' : 'operator', hint };
}

/**
 * What globus-url-copy 10.12 and globus-gridftp-server 13.24 say, as seen on provoking it, and what it means; the first that fits counts. The exit code
 * tells nothing: it is 1 for all, and 0 for a copy that was cut short.
 */
const TABLE: readonly (readonly [RegExp, Verdict])[] = [
  [
    /No space left on device|Disk quota exceeded|c=(?:NO_SPACE|QUOTA)|NO_SPACE_LEFT|QUOTA_EXCEEDED/i,
    verdict('TRANSFER_NO_SPACE', 'the long-term storage is full, or our quota there is used up', 'Make room or raise the quota (nothing was published, staging still holds the data); then re-drive the job.'),
  ],
  [
    /has expired|CERT_HAS_EXPIRED|certificate expired/i,
    verdict('TRANSFER_DENIED', 'a certificate has expired: ours, the server\'s or that of a CA', RENEW),
  ],
  [
    /Gridmap lookup failure|Could not map/i,
    verdict('TRANSFER_DENIED', 'the GridFTP server knows no account for our certificate', "Have its subject entered in the server's grid-mapfile; the subject is below."),
  ],
  [
    /Valid credentials could not be found|Error reading user credential|Error with (?:certificate|key) filename|BAD_BASE64|bad base64|no start line|key values mismatch/i,
    verdict('TRANSFER_DENIED', 'our certificate or its key cannot be used', 'Check certFile, keyFile or proxyFile of lts[].gridftp: PEM, belonging together, the key with mode 0600.'),
  ],
  [
    /expected subject|certificate is of|altnames|ERR_TLS_CERT_ALTNAME|Authorization denied|name of the remote host.*does not match|is not the expected name/i,
    verdict('TRANSFER_DENIED', 'the GridFTP server is not who we expect', "Set `subject` of lts[].gridftp to the subject of the server's certificate, if that is right."),
  ],
  [
    /unable to (?:get|verify)|self.signed certificate|certificate verify failed|trusted CA|signing.policy|alert (?:unknown ca|bad certificate|certificate)|gss_(?:init|accept)_sec_context failed|GSS failure|^535|\b535 /im,
    verdict('TRANSFER_DENIED', 'we and the GridFTP server do not trust each other', "Check caDir of lts[].gridftp (HASH.0 and HASH.signing_policy of the server's CA), and that the server trusts ours."),
  ],
  [
    /Path not allowed/i,
    verdict('TRANSFER_DENIED', 'the GridFTP server does not let us go to this directory', 'Check `dir` of the LTS against the paths the server allows (-rp, restrict_paths).'),
  ],
  [
    /Login incorrect|Invalid user|\b530 /i,
    verdict('TRANSFER_DENIED', 'the GridFTP server does not let us log in', 'Check user and passwordFile of lts[].gridftp, or whether the server allows anonymous access.'),
  ],
  [
    /Permission denied|PERMISSION_DENIED|Read-only file system|Operation not permitted/i,
    verdict('TRANSFER_DENIED', 'the long-term storage does not let us do this', 'Check owner and mode of the LTS directory for the account that the server gives us, and whether it is mounted read-only there.'),
  ],
  [
    /Connection refused|ECONNREFUSED|Unable to connect|ENOTFOUND|EAI_AGAIN|Name or service not known|EHOSTUNREACH|ENETUNREACH|No route to host|ETIMEDOUT|timed out/i,
    verdict('TRANSFER_IO', 'the GridFTP server does not answer', 'Is it running, and are its control port and its data ports open to this host? It is tried again.'),
  ],
  [
    /operation was aborted|nothing was heard/i,
    verdict('TRANSFER_IO', 'the GridFTP server stopped answering amid a transfer', AGAIN),
  ],
  [
    /^421|\b421 |too many connections|server busy/im,
    verdict('TRANSFER_IO', 'the GridFTP server takes no more connections now', 'It is tried again. If it persists, lower `concurrent` of lts[].gridftp or raise the limit of the server.'),
  ],
  [
    /end-of-file was reached|Connection reset|ECONNRESET|EPIPE|Broken pipe|closed the connection|connection was closed/i,
    verdict('TRANSFER_IO', 'the connection to the GridFTP server broke', AGAIN),
  ],
];

const OTHER = verdict('TRANSFER_IO', 'the GridFTP transfer failed', AGAIN);

/** What happened, by what a program, a server or TLS said (pure). */
export function classify(text: string): Verdict {
  return TABLE.find(([pattern]) => pattern.test(text))?.[1] ?? OTHER;
}

/** The error of these words: globus-url-copy tells a URL it cannot parse in full, with the password in it. */
export function wordsError(text: string, subject: string | undefined, cause?: unknown): BwError {
  const { code, ...fields } = classify(text);
  const said = withoutSecrets(text);
  const detail = said.length > 2000 ? `...${said.slice(-2000)}` : said;
  return new BwError(code, { ...fields, detail: detail.trim(), ...(subject === undefined ? {} : { subject }), ...(cause === undefined ? {} : { cause }) });
}

export function connectionLost(error: Error): BwError {
  return wordsError(codeAndMessage(error), undefined, error);
}

export function stalled(afterMs: number): BwError {
  return wordsError(`nothing was heard of the server for ${Math.round(afterMs / 1000)} s`, undefined);
}

export function credentialRefused(error: Error): BwError {
  return error instanceof BwError ? error : wordsError(codeAndMessage(error), undefined, error);
}

function codeAndMessage(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return `${code}${error.message}`;
}
