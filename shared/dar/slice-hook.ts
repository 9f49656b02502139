import { constants, open as openDescriptor } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toBwError, type BwError } from '../errors/bw-error.js';
import { run } from '../process/index.js';

/** Slices of an archive that are made readable one by one, as dar asks for them. */
export interface SliceSource {
  readonly count: number;
  /**
   * Makes one readable as `BASE.N.dar`; it stays at least until another is asked for. dar asks again when it comes back to one. Rejects
   * with what keeps it from that.
   */
  provide(number: number): Promise<void>;
}

/** Of dar's environment: the directory with the two pipes. */
export const HOOK_ENV = 'BW_SLICES';

/**
 * What dar runs before it opens a slice (`-E`): asks and waits for the answer. Opening a pipe for both directions never waits, and the reading end is
 * opened while its own writing end is still open: so when whoever answers is dead, the hook sees the end of the file and fails, which ends dar; it is never
 * left waiting. Only builtins, because dar's PATH has nothing (`hideGnupgFromDar`).
 */
export const HOOK = `exec 3<>"$${HOOK_ENV}/want" 4<>"$${HOOK_ENV}/given" 5<"$${HOOK_ENV}/given" 4>&- && echo %n >&3 && read ok <&5`;

/** Answers the hooks of one dar. The trap of the slice hook (a SIGTERM meanwhile ruins the archive) is one of writing, this is for reading. */
export class SliceHook {
  /** Why a slice could not be had; dar ended because of it. */
  failure: BwError | null = null;
  #rest = '';

  private constructor(
    private readonly source: SliceSource,
    private readonly want: Socket,
    private readonly given: FileHandle,
  ) {
    want.on('error', () => undefined); // closed below
    want.on('data', (chunk: Buffer) => { this.#read(chunk.toString('latin1')); });
  }

  /** `dir`: existing, of this dar alone. */
  static async open(dir: string, source: SliceSource): Promise<SliceHook> {
    const [want, given] = [join(dir, 'want'), join(dir, 'given')];
    await run({ program: 'mkfifo', args: ['-m', '0600', '--', want, given] });
    const answers = await open(given, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const fd = await promisify(openDescriptor)(want, constants.O_RDWR | constants.O_NONBLOCK);
      // A stream of the file would keep one of libuv's four threads in a read for as long as dar runs.
      return new SliceHook(source, new Socket({ fd, readable: true, writable: false }), answers);
    } catch (thrown) {
      await answers.close();
      throw thrown;
    }
  }

  /** Lets a hook that waits fail. */
  async close(): Promise<void> {
    this.want.destroy();
    await this.given.close().catch(() => undefined); // closed before
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) void this.#answer(Number(line));
  }

  async #answer(number: number): Promise<void> {
    try {
      if (number < 1 || number > this.source.count) throw new RangeError(`dar asked for slice ${number} of ${this.source.count}`);
      await this.source.provide(number);
      await this.given.write('ok\n');
    } catch (thrown) {
      this.failure ??= toBwError(thrown);
      await this.close();
    }
  }
}
