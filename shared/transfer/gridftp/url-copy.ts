import { Readable } from 'node:stream';
import { run, startPipeline } from '../../process/index.js';
import { gsiEnvironment, readPassword } from './credentials.js';
import type { GridftpAuth, GridftpServer } from './options.js';
import { fileUrl, listText, remoteUrl, type Login } from './urls.js';

export const URL_COPY = 'globus-url-copy';

/** Holds the one line of a list until the shell below has it; what it becomes does not inherit it. */
const LIST_VARIABLE = 'BW_COPY_LIST';
/**
 * Where standard input is the data, the list comes through descriptor 3, from a here-document: up to 4 kB dash keeps it in a pipe, bash before 5.1 in a file that has
 * no name any more. The text is constant.
 */
const LIST_AS_3 = `exec 3<<EOF
$${LIST_VARIABLE}
EOF
unset ${LIST_VARIABLE}
exec "$0" "$@"`;

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

interface CopyCommand {
  readonly program: string;
  readonly args: string[];
  readonly env: Record<string, string>;
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
    const list = listText(copies.map(({ file, path }) => ({ from: fileUrl(file), to: remoteUrl(this.#options.server, path, login) })));
    const { stderr } = await run(await this.#command('-', flags), { okCodes: [0, 1], input: Buffer.from(list), ...(signal === undefined ? {} : { signal }) });
    return stderr;
  }

  /** A stream to the far end. Should it fail, what arrived there is cut short: nobody may publish it unproven. */
  async putStream(input: Readable, path: string, flags: CopyFlags, signal: AbortSignal | undefined): Promise<string> {
    const list = listText([{ from: '-', to: remoteUrl(this.#options.server, path, await this.#login()) }]);
    const { program, args, env } = await this.#command('/dev/fd/3', flags);
    const command = { program: 'sh', args: ['-c', LIST_AS_3, program, ...args], env: { ...env, [LIST_VARIABLE]: list.trimEnd() } };
    const pipeline = startPipeline([command], { input, ...(signal === undefined ? {} : { signal }) });
    pipeline.stdout.resume();
    return saidBy(await pipeline.done);
  }

  /** An object of the far end as a stream, given to `take`. Resolves with what the program said. */
  async get(path: string, flags: CopyFlags, signal: AbortSignal | undefined, take: (stream: Readable) => Promise<void>): Promise<string> {
    const list = listText([{ from: remoteUrl(this.#options.server, path, await this.#login()), to: '-' }]);
    const pipeline = startPipeline([await this.#command('-', flags)], { input: Readable.from([Buffer.from(list)], { objectMode: false }), ...(signal === undefined ? {} : { signal }) });
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
  }

  /** `list`: where the URLs come from, which hold a password where there is one. Never a file with a name: a worker that is killed would leave it. */
  async #command(list: '-' | '/dev/fd/3', flags: CopyFlags): Promise<CopyCommand> {
    return { program: URL_COPY, args: this.#arguments(list, flags), env: await this.#environment() };
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
