/**
 * What a program prints, as it comes. Where nothing comes for `ms` while somebody waits for it, throws what `onSilent` returns, who has to end the program: output that
 * never ends would be waited for for ever.
 */
export async function* unlessSilent(output: AsyncIterable<Buffer>, ms: number, onSilent: () => Error): AsyncGenerator<Buffer> {
  const iterator = output[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await inTime(iterator.next(), ms, onSilent);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    void iterator.return?.().catch(() => undefined); // not waited for: it comes after the chunk that does not come
  }
}

async function inTime<T>(coming: Promise<T>, ms: number, onSilent: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silent = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(onSilent()); }, ms);
  });
  try {
    return await Promise.race([coming, silent]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lines of UTF-8, without their ends. (readline does not end where its input is destroyed, as that of a program that nobody can end.) */
export async function* linesOf(output: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** Calls `onStall` once when `moved` was not called for `ms`. */
export class StallWatch {
  isStalled = false;
  #timer: NodeJS.Timeout;

  constructor(
    private readonly ms: number,
    private readonly onStall: () => void,
  ) {
    this.#timer = this.#start();
  }

  moved(): void {
    if (!this.isStalled) this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => {
      this.isStalled = true;
      this.onStall();
    }, this.ms);
  }
}
