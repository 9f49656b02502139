import type { RetentionConfig } from '../../shared/config/config.js';

const DAY_MS = 86_400_000;

/**
 * How often a full is needed at least so that retention can let go what it means to (pure); null: retention asks for none. A chain goes as a whole: an
 * incremental lives as long as any later one of its chain. So a chain must not be longer than the time in which every backup is kept, nor than the
 * period of the rules beyond that, of which each keeps one backup.
 */
export function fullEveryFor({ keepWithinMs, keepDaily, keepWeekly, keepMonthly, keepYearly }: RetentionConfig): number | null {
  const dense = Math.max(keepWithinMs ?? 0, (keepDaily ?? 0) * DAY_MS);
  const limits = [
    ...(dense > 0 ? [dense] : []),
    ...(keepWeekly === null ? [] : [7 * DAY_MS]),
    ...(keepMonthly === null ? [] : [28 * DAY_MS]),
    ...(keepYearly === null ? [] : [365 * DAY_MS]),
  ];
  return limits.length === 0 ? null : Math.max(DAY_MS, Math.min(...limits));
}
