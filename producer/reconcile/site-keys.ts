import type { Redis } from 'ioredis';
import { PREFIX, QUEUES } from '../../shared/queues/names.js';

/** What one walk over all keys of ours finds. */
export interface SiteKeys {
  /** Hosts that have, or had, queues of their own. */
  readonly hosts: readonly string[];
  /** Deduplication ids of the backup queue that are held. */
  readonly places: readonly string[];
  /** Ids of which there is a hash of a run. */
  readonly runs: readonly string[];
  /** Ids of which there is a hash of transfer items. */
  readonly items: readonly string[];
  /** `LTS HOST` of outboxes in which something waits. */
  readonly outboxes: readonly string[];
}

const COUNT = 1_000;
const KEY = new RegExp(`^\\{bw\\}:(?:(?:transfer|cleanup)-(?<host>.+):meta|${QUEUES.backup}:de:(?<place>.+)|run:(?<run>[0-9A-Z]{26})|items:(?<items>[0-9A-Z]{26})|outbox:(?<lts>[^:]+):(?<outbox>.+))$`);

/** Walks all keys, a thousand per round trip, and keeps those that are asked for here: there are far fewer of them than jobs. */
export async function readSiteKeys(redis: Redis): Promise<SiteKeys> {
  const found = { hosts: new Set<string>(), places: new Set<string>(), runs: new Set<string>(), items: new Set<string>(), outboxes: new Set<string>() };
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${PREFIX}:*`, 'COUNT', COUNT);
    for (const key of keys) {
      const { host, place, run, items, lts, outbox } = KEY.exec(key)?.groups ?? {};
      if (host !== undefined) found.hosts.add(host);
      if (place !== undefined) found.places.add(place);
      if (run !== undefined) found.runs.add(run);
      if (items !== undefined) found.items.add(items);
      if (lts !== undefined && outbox !== undefined) found.outboxes.add(`${lts} ${outbox}`);
    }
    cursor = next;
  } while (cursor !== '0');
  return { hosts: [...found.hosts].sort(), places: [...found.places].sort(), runs: [...found.runs].sort(), items: [...found.items].sort(), outboxes: [...found.outboxes].sort() };
}
