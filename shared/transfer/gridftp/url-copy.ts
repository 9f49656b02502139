import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { run, startPipeline, type Command } from '../../process/index.js';
import { gsiEnvironment, readPassword } from './credentials.js';
import type { GridftpAuth, GridftpServer } from './options.js';
import { fileUrl, listText, remoteUrl, type Login, type UrlPair } from './urls.js';

export const URL_COPY = 'globus-url-copy';

export interface UrlCopyOptions {
  readonly server: GridftpServer;
  readonly auth: GridftpAuth;
  readonly parallel: number;
  readonly stallMs: number;
}

export interface CopyFlags {
  /** Copies at once in one process. */
  readonly concurrent?: number;
  /** More than one stream each: worth it for big ones only. */
  readonly parallel?: boolean;
  /** Only this part of the source. */
  readonly range?: { readonly offset: number; readonly length: number };
}

export interface RemoteCopy {
  /** Local file, absolute. */
  readonly file: string;
  /** Absolute at the far end. */
  readonly path: string;
}

/**
 * globus-url-copy, which moves all bytes. What it says (stderr) is for telling why something is missing; whether the bytes are there is asked of the far end:
 * it exits with 0 after cutting a file short. It is ended by TERM: on INT it says that all is well.
 */
export class UrlCopy {
  readonly #options: UrlCopyOptions;

  constructor(options: UrlCopyOptions) {
    this.#options = options;
  }

  /** Files to the far end, many in one process, the others also when one fails. Resolves with what it said. Rejects PROGRAM_*. */
  async put(copies: readonly RemoteCopy[], flags: CopyFlags, signal: AbortSignal | undefined): Promise<string> {
    const login = await this.#login();
    const pairs = copies.map(({ file, path }) => ({ from: fileUrl(file), to: remoteUrl(this.#options.server, path, login) }));
    return this.#withList(pairs, flags, async (command) => {
      const { stderr } = await run(command, { okCodes: [0, 1], ...(signal === undefined ? {} : { signal }) });
      return stderr;
    });
  }

  /** A stream to the far end. Should it fail, what arrived there is cut short: nobody may publish it unproven. */
  async putStream(input: Readable, path: string, flags: CopyFlags, signal: AbortSignal | undefined): Promise<string> {
    const to = remoteUrl(this.#options.server, path, await this.#login());
    return this.#withList([{ from: '-', to }], flags, async (command) => {
      const pipeline = startPipeline([command], { input, ...(signal === undefined ? {} : { signal }) });
      pipeline.stdout.resume();
      return saidBy(await pipeline.done);
    });
  }

  /** An object of the far end as a stream, given to `take`. Resolves with what the program said. */
  async get(path: string, flags: CopyFlags, signal: AbortSignal | undefined, take: (stream: Readable) => Promise<void>): Promise<string> {
    const from = remoteUrl(this.#options.server, path, await this.#login());
    return this.#withList([{ from, to: '-' }], flags, async (command) => {
      const pipeline = startPipeline([command], signal === undefined ? {} : { signal });
      const done = pipeline.done;
      try {
        await take(pipeline.stdout);
      } catch (thrown) {
        pipeline.stop();
        pipeline.stdout.destroy();
        await done.catch(() => undefined); // the reader's reason is the one that counts
        throw thrown;
      }
      return saidBy(await done);
    });
  }

  /** The list file holds a password where there is one: it is ours alone, and gone when the program is. */
  async #withList<T>(pairs: readonly UrlPair[], flags: CopyFlags, work: (command: Command) => Promise<T>): Promise<T> {
    const dir = await mkdtemp(join(tmpdir(), 'bw-gridftp-'));
    try {
      const list = join(dir, 'list');
      await writeFile(list, listText(pairs), { mode: 0o600 });
      return await work({ program: URL_COPY, args: this.#arguments(list, flags), env: await this.#environment() });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  /** `-fast` (MODE E) also tells a full disk as such; `-c` goes on after a failure. */
  #arguments(list: string, { concurrent = 1, parallel = false, range }: CopyFlags): string[] {
    const { parallel: streams, stallMs, auth } = this.#options;
    return [
      '-c', '-fast', '-st', String(Math.max(1, Math.ceil(stallMs / 1000))),
      ...(concurrent > 1 ? ['-cc', String(concurrent)] : []),
      ...(parallel && streams > 1 ? ['-p', String(streams)] : []),
      ...(range === undefined ? [] : ['-off', String(range.offset), '-len', String(range.length)]),
      ...(auth.kind === 'gsi' && auth.subject !== null ? ['-s', auth.subject] : []),
      '-f', list,
    ];
  }

  async #environment(): Promise<Record<string, string>> {
    const { auth } = this.#options;
    return auth.kind === 'gsi' ? gsiEnvironment(auth) : {};
  }

  async #login(): Promise<Login | null> {
    const { auth } = this.#options;
    return auth.kind === 'password' ? { user: auth.user, password: await readPassword(auth.passwordFile) } : null;
  }
}

function saidBy(results: readonly { readonly stderr: Buffer }[]): string {
  return results.map(({ stderr }) => stderr.toString('utf8')).join('');
}
