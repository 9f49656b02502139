import { planTurn, shardTurns, type ShardSize } from '../../../../shared/queues/fair-share.js';
import { laneOf } from '../../../../shared/queues/priorities.js';

const LANE = laneOf(30);

/** A backup that comes to wait before turn `at`. */
export interface Arrival {
  readonly name: string;
  readonly at: number;
  readonly shards: readonly ShardSize[];
}

interface Waiting {
  readonly name: string;
  readonly what: string;
  readonly priority: number;
  readonly order: number;
  readonly shards: readonly ShardSize[];
}

/** One slot that takes what is first in a lane, a job a turn; what it took, such as `giant#3` for a shard and `giant` for its plan. */
export function simulateLane(arrivals: readonly Arrival[], turns: number): string[] {
  let waiting: Waiting[] = [];
  let next = 0;
  let order = 0;
  const taken: string[] = [];
  const head = (): number | null => (waiting.length === 0 ? null : Math.min(...waiting.map(({ priority }) => priority)));
  for (let turn = 0; turn < turns; turn++) {
    for (const { name, shards } of arrivals.filter(({ at }) => at === turn)) {
      const turnOf = planTurn(LANE, { head: head(), next });
      next = turnOf.next;
      waiting.push({ name, what: name, priority: turnOf.priority, order: order++, shards });
    }
    const first = [...waiting].sort((a, b) => a.priority - b.priority || a.order - b.order)[0];
    if (first === undefined) continue;
    waiting = waiting.filter((each) => each !== first);
    taken.push(first.what);
    const priorities = shardTurns(LANE, head(), first.shards);
    for (const [index, priority] of priorities.entries()) waiting.push({ name: first.name, what: `${first.name}#${index + 1}`, priority, order: order++, shards: [] });
  }
  return taken;
}
