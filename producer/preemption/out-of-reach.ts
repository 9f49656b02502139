import { Presence } from '../../shared/hosts/presence.js';
import { readStanding } from '../../shared/hosts/read-standing.js';
import { isHeard, type Heard } from '../../shared/hosts/silence.js';
import { DrainedHosts } from '../../shared/orders/drained-hosts.js';
import { isReservedSlot } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import type { ActiveJob } from './active-jobs.js';

/** What hosts are good for now. */
export interface HostsNow {
  readonly drained: ReadonlySet<string>;
  /** Set aside because something hung there. */
  readonly aside: ReadonlySet<string>;
  readonly heard: Heard;
}

/** All at once: whoever waits for a slot waits for this. */
export async function readHosts(queues: Pick<QueueSet, 'redis' | 'backup'>): Promise<HostsNow> {
  const [drained, { aside }, heard] = await Promise.all([new DrainedHosts(queues.redis).all(), readStanding(queues), new Presence(queues.redis).heard()]);
  return { drained: new Set(drained.keys()), aside: new Set(aside), heard };
}

/**
 * Whether stopping this job would give nobody its slot (pure): it is one that fulls never take, or its host takes nothing more because it is drained or set aside, or
 * nobody is heard there any more, who could do what he is told. What such a one was told already brings no slot either.
 */
export function isOutOfReach({ job, host }: Pick<ActiveJob, 'host'> & { readonly job: Pick<ActiveJob['job'], 'processedBy'> }, { drained, aside, heard }: HostsNow): boolean {
  return isReservedSlot(job.processedBy ?? '') || drained.has(host) || aside.has(host) || (host !== '' && !isHeard(host, heard));
}
