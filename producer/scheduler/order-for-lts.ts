import type { Catalog } from '../../shared/catalog/index.js';
import type { Config } from '../../shared/config/config.js';
import { readJournal } from '../../shared/journal/index.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { orderBundleSweep, orderMetadataBundles, orderSnapshot } from '../../shared/runs/order-site-jobs.js';

/** Between two snapshots of catalog and journal, ms. */
export const SNAPSHOT_EVERY_MS = 86_400_000;
/** Journals of other hosts may be ahead. */
const SLACK_MS = 3_600_000;

interface Parts {
  readonly config: Pick<Config, 'lts'>;
  readonly queues: QueueSet;
  readonly catalog: Pick<Catalog, 'journalDir'>;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** Orders what long-term storage is to get beside backups: what describes them, and once a day a snapshot, after which bundles are looked through. */
export async function orderForLts({ config, queues, catalog, now }: Parts): Promise<void> {
  const waits = config.lts.flatMap(({ bundle }) => (bundle === null ? [] : [bundle.maxWaitMs]));
  if (waits.length > 0) await orderMetadataBundles(queues, Math.min(...waits));
  if (!(await isSnapshotDue(catalog, config, now()))) return;
  await orderSnapshot(queues);
  await orderBundleSweep(queues);
}

/** While an LTS has none of the last day, and something has been sealed at all. */
async function isSnapshotDue({ journalDir }: Parts['catalog'], { lts }: Parts['config'], nowMs: number): Promise<boolean> {
  const newest = new Map<string, number>();
  for await (const record of readJournal(journalDir, { kinds: ['snapshot-stored'], sinceMs: nowMs - SNAPSHOT_EVERY_MS - SLACK_MS, onProblem: () => undefined })) {
    newest.set(record.lts, Date.parse(record.startedAt));
  }
  if (lts.every(({ name }) => (newest.get(name) ?? -Infinity) > nowMs - SNAPSHOT_EVERY_MS)) return false;
  return (await readJournal(journalDir, { kinds: ['sealed'], onProblem: () => undefined }).next()).done !== true;
}
