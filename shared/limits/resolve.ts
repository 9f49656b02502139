import { z } from 'zod';
import { isLimitKey, parseLimit, type LimitKey, type LimitValues } from './keys.js';

/** What an operator set while everything runs. */
export const setLimitSchema = z.strictObject({
  v: z.literal(1),
  key: z.string().refine(isLimitKey),
  /** As it was written; `none` = no limit. */
  value: z.string(),
  host: z.string().nullable(),
  topdir: z.string().nullable(),
  lts: z.string().nullable(),
  /** Ms since the epoch; null = until it is unset. */
  until: z.number().nullable(),
  setAt: z.number(),
  user: z.string().nullable(),
});

export type SetLimit = Omit<z.infer<typeof setLimitSchema>, 'key'> & { readonly key: LimitKey };

/** What is asked about. */
export interface Where {
  readonly host?: string;
  readonly topdir?: string;
  readonly lts?: string;
}

/**
 * The value of a limit: what was set for exactly this place, else for its topdir, its host, everywhere, else what the configuration says (pure). What was set for an
 * LTS is a limit of its own, beside that of all together.
 */
export function resolveLimit<K extends LimitKey>(key: K, where: Where, configured: LimitValues[K], set: readonly SetLimit[], nowMs: number): LimitValues[K] {
  const weight = ({ topdir, host }: SetLimit): number => (topdir === null ? 0 : 2) + (host === null ? 0 : 1);
  const fits = (each: SetLimit): boolean =>
    each.key === key && isInForce(each, nowMs) && each.lts === (where.lts ?? null) && (each.host ?? where.host) === where.host && (each.topdir ?? where.topdir) === where.topdir;
  const found = set.filter(fits).sort((a, b) => weight(b) - weight(a))[0];
  return found === undefined ? configured : parseLimit(key, found.value);
}

export function isInForce({ until }: Pick<SetLimit, 'until'>, nowMs: number): boolean {
  return until === null || until > nowMs;
}
