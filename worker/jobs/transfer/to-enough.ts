import type { Logger } from 'pino';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { Breakers } from '../../breaker/breakers.js';
import { ltsOf } from '../../breaker/needs.js';
import { outage } from '../../breaker/outage.js';

export interface EnoughRequest {
  /** Those that have something to get, in the order they get it. */
  readonly backends: readonly TransferBackend[];
  /** Whether what is done by now will do; atEnd: when all have been tried. */
  readonly isEnough: (done: readonly string[], atEnd: boolean) => boolean | Promise<boolean>;
  readonly act: (backend: TransferBackend, signal: AbortSignal) => Promise<void>;
  /** Asked before each: not even tried, as what the others have, or will have, is enough. */
  readonly isLeftOut?: (backend: TransferBackend, done: readonly string[]) => boolean | Promise<boolean>;
  /** Told of a failure that keeps nobody, so that the breaker of that LTS learns of it. */
  readonly onMissed: (backend: TransferBackend, error: BwError) => Promise<void>;
  readonly signal: AbortSignal;
  /** What an LTS that is not needed any more may take at least, ms. Default PATIENCE_MS. */
  readonly patienceMs?: number;
}

type Surroundings = { readonly breakers: Pick<Breakers, 'isOpen'>; readonly logger: Pick<Logger, 'warn'> };

/** A copy that nobody waits for any more may take this long, or twice what the needed ones took. */
const PATIENCE_MS = 60_000;
/** What was told to stop and does not hangs. */
const GRACE_MS = 5_000;

/**
 * Does something at each LTS that is not out, and goes on when enough have it: neither one that is out, fails or is much slower than the others holds up the rest then. Its copy
 * is made up later. Returns who has it. Throws the first error, or OUTAGE, where they are not enough.
 */
export async function toEnough({ breakers, logger }: Surroundings, request: EnoughRequest): Promise<string[]> {
  const { backends, isEnough, act, onMissed, signal, patienceMs = PATIENCE_MS } = request;
  const out = backends.filter(({ name }) => breakers.isOpen(ltsOf(name)));
  const done: string[] = [];
  const missed: { backend: TransferBackend; error: BwError }[] = [];
  const startedAt = performance.now();
  for (const backend of backends.filter((each) => !out.includes(each))) {
    try {
      if ((await request.isLeftOut?.(backend, done)) === true) continue;
      const isSpare = await isEnough(done, false);
      const limitMs = Math.max(patienceMs, 2 * (performance.now() - startedAt));
      await (isSpare ? inTime(backend.name, limitMs, signal, (own) => act(backend, own)) : act(backend, signal));
      done.push(backend.name);
    } catch (thrown) {
      missed.push({ backend, error: toBwError(thrown) });
    }
  }
  if (!(await isEnough(done, true))) throw missed[0]?.error ?? outage(out[0]?.name ?? '');
  for (const { backend, error } of missed) {
    logger.warn({ err: error, lts: backend.name }, 'a copy is left out for now: enough others have it, and it is made up later');
    if (!signal.aborted) await onMissed(backend, error);
  }
  return done;
}

/** The backends of these names, in their order. */
export function inOrder<B extends { readonly name: string }>(backends: readonly B[], names: readonly string[]): B[] {
  return names.flatMap((name) => backends.filter((backend) => backend.name === name));
}

async function inTime(lts: string, ms: number, signal: AbortSignal, act: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const over = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const late = new Promise<never>((_, reject) => {
    timers.push(setTimeout(() => { over.abort(); }, ms), setTimeout(() => { reject(tooSlow(lts, ms)); }, ms + GRACE_MS));
  });
  try {
    const acting = act(AbortSignal.any([signal, over.signal])).catch((thrown: unknown) => { throw over.signal.aborted ? tooSlow(lts, ms) : thrown; });
    await Promise.race([acting, late]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

function tooSlow(lts: string, ms: number): BwError {
  return new BwError('TRANSFER_ABORTED', {
    message: `it was stopped after ${Math.round(ms / 1000)} s: the others were much faster, and are enough`,
    subject: lts,
    lts,
    retry: 'retry',
    hint: 'Nothing to do: its copy is made up later. See `bw-bkup copies`.',
  });
}
