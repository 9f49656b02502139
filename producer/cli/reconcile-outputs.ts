import { z } from 'zod';
import { findingSchema } from '../../shared/reconcile/finding.js';

/** As in outputs.ts: what `--json` prints, documented in README.md. */
export const reconcileOutput = z.strictObject({
  v: z.literal(1),
  dryRun: z.boolean(),
  findings: z.array(findingSchema),
  problems: z.array(z.strictObject({ what: z.string(), problem: z.string() })),
});
