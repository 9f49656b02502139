import { Duplex } from 'node:stream';
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type PeerCertificate } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { credentialRefused } from '../classify.js';
import type { GsiCredential } from '../credentials.js';
import { LineSplitter } from './lines.js';

/** After the handshake the client says what it delegates. */
const NO_DELEGATION = '0';
const RECORD_HEADER = 5;

/**
 * Authenticates by GSI (RFC 2228, GSSAPI): the tokens of ADAT are a TLS handshake, and later every command and answer is a TLS record in base64. So
 * Node's TLS runs over lines instead of over the socket. At most TLS 1.2: there one record is one token. Resolves with the plain side, where commands are
 * written and answers read. Rejects what classify says of the server's or TLS's words.
 */
export function openGsi(socket: Socket, host: string, credential: GsiCredential, timeoutMs: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const lines = new GsiLines(socket);
    const give = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(credentialRefused(error));
    };
    const timer = setTimeout(() => { give(new Error('the handshake did not end in time: connection timed out')); }, timeoutMs);
    lines.once('error', give);
    lines.once('refused', give);
    lines.once('challenge', () => {
      const tls = connect({
        socket: lines,
        ...(isIP(host) === 0 ? { servername: host } : {}),
        cert: credential.cert,
        key: credential.key,
        ca: [...credential.ca],
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.2',
        checkServerIdentity: (_name, certificate) => judgeServer(host, certificate, credential.subject),
      });
      tls.on('error', give);
      tls.once('secureConnect', () => { tls.write(NO_DELEGATION); });
      lines.once('accepted', () => {
        clearTimeout(timer);
        tls.off('error', give);
        resolve(tls);
      });
    });
  });
}

/** The certificate has to carry the subject we were told, else the name we call. */
function judgeServer(host: string, certificate: PeerCertificate, subject: string | null): Error | undefined {
  if (subject === null) return checkServerIdentity(host, certificate);
  const found = globusName(new X509Certificate(certificate.raw).subject);
  return found === subject ? undefined : new Error(`the server's certificate is of ${found}, expected ${subject}`);
}

/** `O=bw\nCN=x` as Globus writes it: `/O=bw/CN=x`. */
export function globusName(subject: string): string {
  return `/${subject.split('\n').join('/')}`;
}

/** TLS records of a chunk (pure): each is a token of its own. */
export function splitRecords(chunk: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < chunk.length; ) {
    const end = at + RECORD_HEADER + (chunk.length >= at + RECORD_HEADER ? chunk.readUInt16BE(at + 3) : 0);
    records.push(chunk.subarray(at, end));
    at = end;
  }
  return records;
}

/** What TLS takes for its socket. Events: challenge (begin), accepted (commands may come), refused (with the server's words). */
class GsiLines extends Duplex {
  readonly #socket: Socket;
  readonly #splitter = new LineSplitter();
  #sealed = false;
  #refusal = '';

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      for (const line of this.#splitter.take(chunk)) this.#take(line);
    });
    socket.on('error', (error) => { this.destroy(error); });
    socket.on('close', () => { this.destroy(this.#sealed ? undefined : new Error('the server closed the connection: end-of-file was reached')); });
  }

  override _read(): void {
    // Records are pushed as lines come.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    for (const record of splitRecords(chunk)) this.#socket.write(`${this.#sealed ? 'ENC' : 'ADAT'} ${record.toString('base64')}\r\n`);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #take(line: string): void {
    if (this.#sealed) {
      this.#unseal(line);
      return;
    }
    const token = /^(?:335|235)[ -]ADAT=(.*)$/.exec(line)?.[1];
    if (token !== undefined && token !== '') this.push(Buffer.from(token, 'base64'));
    if (line.startsWith('220 ')) this.#socket.write('AUTH GSSAPI\r\n');
    else if (line.startsWith('334')) this.emit('challenge');
    else if (line.startsWith('235')) this.#accept();
    else this.#noteRefusal(line);
  }

  /** The reasons stand on the lines before the last. */
  #noteRefusal(line: string): void {
    if (this.#refusal !== '' || /^[45]\d\d[ -]/.test(line)) this.#refusal += `${line}\n`;
    if (/^[45]\d\d /.test(line)) this.emit('refused', new Error(this.#refusal));
  }

  #accept(): void {
    this.#sealed = true;
    this.emit('accepted');
  }

  #unseal(line: string): void {
    const record = /^63[123][ -](.*)$/.exec(line)?.[1];
    if (record !== undefined) this.push(Buffer.from(record, 'base64'));
    else if (/^421/.test(line)) this.destroy(new Error(line));
  }
}
