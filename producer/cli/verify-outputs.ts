import { z } from 'zod';
import { verifyResultSchema } from '../../shared/verify/result.js';

/** What `--json` of verify prints; as in outputs.ts. */
export const verifyOutput = z.strictObject({
  v: z.literal(1),
  verifications: z.array(
    verifyResultSchema.extend({
      /** enqueued unless --wait. */
      state: z.enum(['enqueued', 'done', 'failed']),
      outcome: z.enum(['sound', 'damaged', 'gone']).nullable(),
      error: z.string().nullable(),
    }),
  ),
});
