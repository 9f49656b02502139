/** As the Python SDK of Globus does it (transport/retry_manager): five more tries. */
const MAX_RETRIES = 5;
const MAX_WAIT_MS = 10_000;
/** A service that wants us to wait longer is out: whoever waits for outages does that. */
const MAX_RETRY_AFTER_MS = 60_000;
const TRANSIENT: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);
/** Trouble between the service and a collection, which it has tried to overcome already. */
const NOT_WORTH_IT = /ExternalError|EndpointError/;

export interface Attempt {
  /** null: no answer, or one that cannot be read. */
  readonly status: number | null;
  readonly code: string;
  /** The header as it came. */
  readonly retryAfter: string | null;
  /** Tries that failed before this one. */
  readonly before: number;
  /** 0 to 1. */
  readonly random: number;
}

/** Milliseconds to wait before the next try, or null: it is given up (pure). */
export function retryDelayMs({ status, code, retryAfter, before, random }: Attempt): number | null {
  if (before >= MAX_RETRIES || NOT_WORTH_IT.test(code)) return null;
  if (status !== null && !TRANSIENT.has(status)) return null;
  if ((status === 429 || status === 503) && retryAfter !== null && /^\d{1,9}$/.test(retryAfter)) {
    const ms = Number(retryAfter) * 1000;
    return ms <= MAX_RETRY_AFTER_MS ? ms : null;
  }
  return Math.min(MAX_WAIT_MS, (0.25 + 0.5 * random) * 2 ** before * 1000);
}
