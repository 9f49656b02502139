import type { Config } from '../../../shared/config/config.js';
import { commandConnection } from '../../../shared/redis/connect.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { readClaims } from '../../../shared/retention/claims.js';
import { RunStore } from '../../../shared/runs/run-store.js';

/** What running work needs; nothing when Redis does not answer, as nothing runs then. For what only shows: removals ask again. */
export async function liveClaims(config: Config): Promise<ReadonlyMap<string, string>> {
  const redis = commandConnection(config);
  redis.on('error', () => undefined); // nothing is known then
  try {
    await redis.connect();
    return await readClaims(new RunStore(redis), new QueueSet(redis));
  } catch {
    return new Map();
  } finally {
    redis.disconnect();
  }
}
