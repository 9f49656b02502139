import type { Catalog } from '../../shared/catalog/index.js';
import { isOpenFor } from '../../shared/breaker/breaker.js';
import { RedisBreakers } from '../../shared/breaker/breaker-store.js';
import { withoutRecentSnapshot } from '../../shared/bundle/recent-snapshots.js';
import type { Config } from '../../shared/config/config.js';
import { Presence } from '../../shared/hosts/presence.js';
import { readJournal } from '../../shared/journal/index.js';
import { BUNDLES_SWEPT_KEY } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { orderBundleSweep, orderMetadataBundles, orderSnapshot } from '../../shared/runs/order-site-jobs.js';

/** LTS have their snapshots at different times of the day; after one of them bundles are looked through no sooner again, s. */
const SWEEP_AGAIN_S = 20 * 3_600;

interface Parts {
  readonly config: { readonly lts: readonly Pick<Config['lts'][number], 'name' | 'bundle'>[]; readonly removal: Pick<Config['removal'], 'eraser'> };
  readonly queues: QueueSet;
  readonly catalog: Pick<Catalog, 'journalDir'>;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** Orders what long-term storage is to get beside backups: what describes them, and once a day a snapshot, after which bundles are looked through. */
export async function orderForLts(parts: Parts): Promise<void> {
  const { config, queues } = parts;
  const waits = config.lts.flatMap(({ bundle }) => (bundle === null ? [] : [bundle.maxWaitMs]));
  if (waits.length > 0) await orderMetadataBundles(queues, Math.min(...waits));
  if (!(await isSnapshotDue(parts))) return;
  await orderSnapshot(queues);
  if ((await queues.redis.set(BUNDLES_SWEPT_KEY, '1', 'EX', SWEEP_AGAIN_S, 'NX')) !== null) await orderBundleSweep(queues);
}

/** While an LTS that could get one has none of the last day, and something has been sealed at all. */
async function isSnapshotDue({ config, queues, catalog: { journalDir }, now }: Parts): Promise<boolean> {
  const lacking = await withoutRecentSnapshot(journalDir, config.lts.map(({ name }) => name), now());
  if (lacking.length === 0) return false;
  const out = await ltsThatAreOut(config, queues);
  if (lacking.every((name) => out.has(name))) return false;
  return (await readJournal(journalDir, { kinds: ['sealed'], onProblem: () => undefined }).next()).done !== true;
}

/** Those that no host which takes snapshots there can reach, as far as is known. */
async function ltsThatAreOut({ removal: { eraser } }: Parts['config'], { redis }: QueueSet): Promise<Set<string>> {
  const open = (await new RedisBreakers(redis).all()).filter(({ kind, state }) => kind === 'lts' && state !== 'closed');
  if (open.length === 0) return new Set();
  const { processes } = await new Presence(redis).heard();
  const hosts = eraser === null ? processes.flatMap(({ process: { host }, left }) => (left === true ? [] : [host])) : [eraser];
  return new Set(open.filter((breaker) => hosts.every((host) => isOpenFor(breaker, host))).map(({ name }) => name));
}
