import type { QueueSet } from '../queues/queue-set.js';
import { judgeHangs, type Standing } from './judge-hangs.js';
import { presentHosts } from './present-hosts.js';
import { SuspicionStore, type Suspicions } from './suspicion.js';

/** What hung, and what follows from it now, for those who only show it. */
export async function readStanding({ redis, backup }: Pick<QueueSet, 'redis' | 'backup'>): Promise<Suspicions & Standing> {
  const suspicions = await new SuspicionStore(redis).read();
  return { ...suspicions, ...judgeHangs(suspicions.hangs, suspicions.hangs.length === 0 ? new Set() : await presentHosts(backup)) };
}
