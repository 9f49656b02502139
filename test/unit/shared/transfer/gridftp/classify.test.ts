import { describe, expect, it } from 'vitest';
import { classify, wordsError } from '../../../../../shared/transfer/gridftp/classify.js';

/** What globus-url-copy 10.12, globus-gridftp-server 13.24 and Node's TLS said when it was provoked, shortened, and what follows. */
const SEEN: readonly (readonly [string, string, string, string])[] = [
  ['full, MODE E', '500-globus_xio: System error in write: No space left on device\n500-globus_xio: A system call failed: No space left on device', 'TRANSFER_NO_SPACE', 'full'],
  ['quota', '500-globus_xio: System error in write: Disk quota exceeded', 'TRANSFER_NO_SPACE', 'quota'],
  ['denied, copy', '500-globus_xio: Unable to open file /x/y\n500-globus_xio: System error in open: Permission denied', 'TRANSFER_DENIED', 'does not let us do this'],
  ['denied, MKD', '550 GlobusError: v=1 c=PERMISSION_DENIED\n550-GridFTP-Reason: System error in mkdir', 'TRANSFER_DENIED', 'does not let us do this'],
  ['read-only', '500-globus_xio: System error in open: Read-only file system', 'TRANSFER_DENIED', 'does not let us do this'],
  ['restricted path', '500 Path not allowed.', 'TRANSFER_DENIED', 'go to this directory'],
  ['no anonymous', '530 Login incorrect. : No anonymous user set.', 'TRANSFER_DENIED', 'log in'],
  ['unmapped', '530-Login incorrect. : globus_gss_assist: Error invoking callout\n530-globus_callout_module: Gridmap lookup failure: Could not map /O=x/CN=mallory', 'TRANSFER_DENIED', 'no account'],
  ['expired', 'globus_credential: Error with credential: The host credential: /x/cert.pem\n     with subject: /O=x/CN=y\n     has expired 41 minutes ago.', 'TRANSFER_DENIED', 'expired'],
  ['no credential', 'globus_credential: Valid credentials could not be found in any of the possible locations specified by the credential search order.', 'TRANSFER_DENIED', 'cannot be used'],
  ['other name', 'the server\'s certificate is of /O=x/CN=a, expected /O=x/CN=b', 'TRANSFER_DENIED', 'not who we expect'],
  ['other name, Node', 'ERR_TLS_CERT_ALTNAME_INVALID: Hostname/IP does not match certificate\'s altnames', 'TRANSFER_DENIED', 'not who we expect'],
  ['other CA, Node', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE: unable to verify the first certificate', 'TRANSFER_DENIED', 'trust each other'],
  ['other CA, Globus', '500-globus_xio_gsi: gss_accept_sec_context failed.\n500-GSS failure: \n500-globus_sysconfig: Could not find a valid trusted CA certificates directory', 'TRANSFER_DENIED', 'trust each other'],
  ['refused', 'globus_xio: Unable to connect to 127.0.0.1:1\nglobus_xio: System error in connect: Connection refused', 'TRANSFER_IO', 'does not answer'],
  ['refused, Node', 'ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1', 'TRANSFER_IO', 'does not answer'],
  ['unknown host', 'ENOTFOUND: getaddrinfo ENOTFOUND grid', 'TRANSFER_IO', 'does not answer'],
  ['frozen', 'error: globus_ftp_client: the operation was aborted', 'TRANSFER_IO', 'stopped answering'],
  ['session killed', 'globus_xio: An end of file occurred\nan end-of-file was reached', 'TRANSFER_IO', 'broke'],
  ['reset', 'globus_xio: System error in send: Connection reset by peer', 'TRANSFER_IO', 'broke'],
  ['busy', '421 Idle Timeout: too many connections', 'TRANSFER_IO', 'no more connections'],
  ['a path with 530 in it', '500-globus_xio: Unable to open file /lts/b530/x\n500-globus_xio: System error in open: Permission denied', 'TRANSFER_DENIED', 'does not let us do this'],
  ['anything else', 'something new', 'TRANSFER_IO', 'failed'],
  ['nothing', '', 'TRANSFER_IO', 'failed'],
];

describe('what is said of a transfer', () => {
  it.each(SEEN)('%s', (_, text, code, words) => {
    const verdict = classify(text);
    expect(verdict.code).toBe(code);
    expect(verdict.message).toContain(words);
    expect(verdict.retry).toBe(code === 'TRANSFER_IO' ? 'retry' : 'operator');
    expect(verdict.hint).toMatch(/[.;]$|\.$/);
  });

  it('counts what is worse first: a full disk also breaks connections', () => {
    expect(classify('Connection reset by peer\nNo space left on device').code).toBe('TRANSFER_NO_SPACE');
  });

  it('tells no password, also of a URL that globus-url-copy cannot parse', () => {
    const said = '[globus_gass_copy_get_url_mode]: globus_url_parse returned error code: -7 for url: ftp://joe:SECR#ET@127.0.0.1:2811/a';
    expect(wordsError(said, 'a').detail).toMatch(/ftp:\/\/joe:\*\*\*@127/);
  });

  it('keeps the end of what was said, at most 2,000 characters of it', () => {
    expect(wordsError(`${'x'.repeat(5000)}the end`, 'a').detail).toMatch(/^\.\.\.x+the end$/);
    expect(wordsError('x'.repeat(5000), 'a').detail).toHaveLength(2003);
  });
});
