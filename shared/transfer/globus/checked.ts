import type { z } from 'zod';
import { BwError } from '../../errors/bw-error.js';

/** The answer in its shape. Throws GLOBUS_ANSWER_UNKNOWN: what it holds is not told, it may be a token. */
export function checked<S extends z.ZodType>(schema: S, answer: unknown, what: string, lts: string): z.infer<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new BwError('GLOBUS_ANSWER_UNKNOWN', {
    message: 'the Globus service answered something else than its documentation says',
    retry: 'retry',
    subject: what,
    hint: 'It is tried again. If it persists, the API has changed: report it with the lines above.',
    detail: parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'),
    lts,
  });
}
