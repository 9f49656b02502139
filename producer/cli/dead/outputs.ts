import { z } from 'zod';
import { deadLetterSchema } from '../../../shared/dead-letters/dead-letter.js';

/** As in ../outputs.ts: what `--json` prints, documented in ../README.md. */
const count = z.number().int().nonnegative();

export const deadListOutput = z.strictObject({
  v: z.literal(1),
  causes: z.array(z.strictObject({ code: z.string(), count, message: z.string(), hint: z.string().nullable() })),
  letters: z.array(z.strictObject(deadLetterSchema.omit({ v: true, last: true }).shape)),
});

export const deadShowOutput = z.strictObject(deadLetterSchema.shape);

export const deadRetryOutput = z.strictObject({
  v: z.literal(1),
  retried: z.array(z.strictObject({ runId: z.string(), backupId: z.string(), existing: z.boolean() })),
  skipped: z.array(z.strictObject({ runId: z.string(), reason: z.string() })),
});

export const deadDismissOutput = z.strictObject({ v: z.literal(1), dismissed: z.array(z.string()) });
