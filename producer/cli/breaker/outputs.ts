import { z } from 'zod';
import { OUTAGE_KINDS } from '../../../shared/errors/outages.js';

const count = z.number().int().nonnegative();

/** Something that is out, in `status` and `breaker`. */
export const outageRowSchema = z.strictObject({
  kind: z.enum(OUTAGE_KINDS),
  name: z.string(),
  since: z.string(),
  /** Whose jobs wait; null = everyone's. */
  hosts: z.array(z.string()).nullable(),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  /** Who opened it by hand, or null. */
  operator: z.string().nullable(),
  /** When it is looked at again; null: by nobody. */
  nextLookAt: z.string().nullable(),
  /** Jobs that wait for its end. */
  jobs: count,
});

export type OutageRow = z.infer<typeof outageRowSchema>;

export const breakerOutput = z.strictObject({ v: z.literal(1), outages: z.array(outageRowSchema) });
