/** How long rclone is waited for. A job would hold its slot for ever where a remote hangs: rclone has limits for network connections only, and starts anew after them. */
export interface RcloneLimits {
  /** For a question about one thing, ms. */
  readonly askMs: number;
  /** While objects are sent, fetched or listed: nothing came or moved for so long, ms. */
  readonly silentMs: number;
  /** For removing what nobody needs, ms: sweepParts takes what stays. */
  readonly cleanUpMs: number;
}

/** rclone gives a connection 30 s, and five minutes to a byte; each of three times. Who is silent beyond one of them is out. */
export const RCLONE_LIMITS: RcloneLimits = { askMs: 5 * 60_000, silentMs: 10 * 60_000, cleanUpMs: 60_000 };

/** A few round trips over a long way, one name after the other, ms. */
const NAME_MS = 1_000;
/** The far end may read what it hashes from one slow disk that others use too. */
const SLOWEST_BYTES_PER_SECOND = 5_000_000;

export interface Question {
  readonly names?: number;
  /** That have to be read for the answer. */
  readonly bytes?: number;
}

/** How long a question may take, ms (pure). `rate`: what the bytes are limited to, per second; null = not. */
export function questionMs({ askMs }: Pick<RcloneLimits, 'askMs'>, { names = 0, bytes = 0 }: Question, rate: number | null): number {
  return askMs + names * NAME_MS + Math.ceil((bytes * 1000) / Math.min(SLOWEST_BYTES_PER_SECOND, rate ?? Infinity));
}
