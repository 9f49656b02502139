import { z } from 'zod';

const count = z.number().int().nonnegative();

/** A path (or an archive) that is not as it was backed up, and why. */
export const restoreProblemSchema = z.strictObject({ where: z.string(), problem: z.string() });

/** Return value of a restore-archive job. */
export const archiveRestoredSchema = z.strictObject({
  /** Number in the plan. */
  part: count,
  bytes: count,
  problems: z.array(restoreProblemSchema),
  problemCount: count,
});

/** Return value of a restore job. */
export const restoreResultSchema = z.strictObject({
  restoreId: z.string(),
  backupId: z.string(),
  target: z.string(),
  outcome: z.enum(['clean', 'with-exceptions']),
  archives: count,
  archiveBytes: count,
  /** Files that an earlier restore had left as they should be. */
  skipped: count.default(0),
  problems: z.array(restoreProblemSchema),
  problemCount: count,
});

export type RestoreProblem = z.infer<typeof restoreProblemSchema>;
export type ArchiveRestored = z.infer<typeof archiveRestoredSchema>;
export type RestoreResult = z.infer<typeof restoreResultSchema>;

/** Problems carried in a result; the log has all. */
export const MAX_PROBLEMS = 100;
