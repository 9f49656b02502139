/** A promise that others settle. */
export class Latch {
  readonly opened: Promise<void>;
  #settle: { readonly open: () => void; readonly fail: (error: Error) => void } = { open: () => undefined, fail: () => undefined };

  constructor() {
    this.opened = new Promise<void>((open, fail) => {
      this.#settle = { open, fail };
    });
    this.opened.catch(() => undefined); // whoever awaits it gets the rejection
  }

  open(): void {
    this.#settle.open();
  }

  fail(error: Error): void {
    this.#settle.fail(error);
  }
}

/** Rejects with the signal's reason when that comes first. */
export async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = new Latch();
  const onAbort = (): void => { aborted.fail(signal.reason as Error); };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.opened]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
