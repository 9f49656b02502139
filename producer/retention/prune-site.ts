import type { Logger } from 'pino';
import { readBasepaths } from '../../shared/basepaths/index.js';
import type { Catalog } from '../../shared/catalog/index.js';
import type { Config } from '../../shared/config/config.js';
import type { Journal } from '../../shared/journal/index.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { readClaims } from '../../shared/retention/claims.js';
import { RunStore } from '../../shared/runs/run-store.js';
import { applyPrune, type PruneResult } from './apply-prune.js';
import { planPrune } from './prune.js';

export interface PruneSiteParts {
  readonly config: Pick<Config, 'topdirs'>;
  readonly logger: Logger;
  readonly queues: QueueSet;
  readonly catalog: Catalog;
  readonly journal: Journal;
  readonly now: () => number;
}

/** One prune of everything, as the producer does it: what waits for an operator is said in the log, and left. */
export async function pruneSite(parts: PruneSiteParts): Promise<PruneResult> {
  const { logger, queues, catalog } = parts;
  const onProblem = (problem: unknown): void => { logger.warn({ problem }, 'journal line not usable'); };
  // Read anew: a basepath may have been renamed by a command since the producer began.
  const registry = await readBasepaths(catalog.journalDir, onProblem);
  const runs = new RunStore(queues.redis);
  const all = { ...parts, registry, onProblem, claims: () => readClaims(runs, queues) };
  await sweepLeftovers(parts, runs);
  const plan = await planPrune(all, { accept: false });
  for (const { topdir, remove, waits } of plan.topdirs) {
    if (waits !== null) logger.warn({ topdir: topdir.path, remove, reason: waits }, 'removal waits: bw-bkup prune --dry-run shows it, --accept lets it go on');
  }
  const result = await applyPrune(all, plan);
  const { removed, withheld, mended, erasing } = result;
  if (removed.length + withheld.size + mended.length + erasing > 0) logger.info({ removed: removed.length, withheld: withheld.size, mended: mended.length, erasing }, 'pruned');
  return result;
}

/** Longer than a seal can take. */
const LEFTOVER_MS = 86_400_000;

/** What a seal that was cut off left in the catalog may be a child of any backup, so nothing of its basepath would ever be removed. */
async function sweepLeftovers({ catalog, logger, now }: PruneSiteParts, runs: RunStore): Promise<void> {
  const inFlight = async (backupId: string): Promise<boolean> => {
    const run = await runs.read(backupId);
    return run !== null && run.phase !== 'done' && run.phase !== 'failed';
  };
  const { removedBackups, removedFiles, problems } = await catalog.sweepUnsealed({ olderThanMs: LEFTOVER_MS, now: now(), inFlight });
  if (removedBackups.length + removedFiles.length > 0) logger.info({ removedBackups, removedFiles }, 'leftovers of seals swept');
  for (const error of problems) logger.warn({ err: error }, 'not swept');
}
