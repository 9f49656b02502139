import { z } from 'zod';
import { restoreProblemSchema } from '../runs/restore-result.js';

const count = z.number().int().nonnegative();

export const VERIFY_LEVELS = ['manifest', 'hash', 'dar', 'restore'] as const;
export type VerifyLevel = (typeof VERIFY_LEVELS)[number];

/** Return value of a verify job: damage is a result, not a failure of the job. */
export const verifyResultSchema = z.strictObject({
  verifyId: z.string(),
  basepathId: z.string(),
  backupId: z.string(),
  level: z.enum(VERIFY_LEVELS),
  /** gone: it was removed before anybody looked. */
  outcome: z.enum(['sound', 'damaged', 'gone']),
  /** Share of slices, archives or files looked into, percent, and what chose them. */
  samplePercent: z.number().positive().max(100),
  seed: z.string(),
  /** Backups of the chain. */
  backups: count,
  /** Objects that were looked for · read · their bytes. */
  objects: count,
  readObjects: count,
  readBytes: count,
  /** Of these, from tape. */
  recalledObjects: count,
  recalledBytes: count,
  /** Restored and compared with the index · of these, also with the unchanged source. */
  files: count,
  filesLikeSource: count,
  problems: z.array(restoreProblemSchema),
  problemCount: count,
});

export type VerifyResult = z.infer<typeof verifyResultSchema>;

/** How the journal calls the levels. */
export const METHOD_OF = { manifest: 'catalog', hash: 'slices', dar: 'archives', restore: 'restore-drill' } as const satisfies Record<VerifyLevel, string>;
