import { z } from 'zod';
import { AREAS } from './finding.js';

const count = z.number().int().nonnegative();

/** What `doctor --json` prints. */
export const doctorOutput = z.strictObject({
  v: z.literal(1),
  host: z.string(),
  checks: z.array(z.strictObject({
    area: z.enum(AREAS),
    subject: z.string(),
    state: z.enum(['ok', 'warn', 'fail']),
    message: z.string(),
    hint: z.string().nullable(),
    ms: count,
  })),
  warnings: count,
  failures: count,
});
