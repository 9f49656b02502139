import { isForEveryone, label, type Breaker } from '../../../shared/breaker/breaker.js';
import type { BreakerStore } from '../../../shared/breaker/breaker-store.js';
import { formatDuration } from '../../../shared/terminal/index.js';
import { plural } from '../print.js';
import type { OutageRow } from './outputs.js';

/** What is out now. */
export async function readOutages(store: BreakerStore): Promise<OutageRow[]> {
  const open = (await store.all()).filter(({ state }) => state !== 'closed');
  return Promise.all(open.map(async (breaker) => rowOf(breaker, await store.countParked(breaker))));
}

function rowOf(breaker: Breaker, jobs: number): OutageRow {
  const { kind, name, since, hosts, cause, operator, lookAt } = breaker;
  return {
    kind,
    name,
    since: new Date(since ?? 0).toISOString(),
    hosts: isForEveryone(breaker) ? null : hosts,
    code: cause?.code ?? 'OUTAGE',
    message: cause?.message ?? '',
    hint: cause?.hint ?? '',
    operator,
    nextLookAt: operator === null ? new Date(lookAt).toISOString() : null,
    jobs,
  };
}

/** `lts:tape is out for 2 h: ...`, and what to do. */
export function outageLines(row: OutageRow): string[] {
  const whose = row.hosts === null ? '' : ` on ${row.hosts.join(', ')}`;
  const out = row.operator === null ? 'is out' : `was taken out by ${row.operator}`;
  return [`${label(row)} ${out}${whose} for ${formatDuration(Math.max(0, Date.now() - Date.parse(row.since)))}: ${row.code}: ${row.message}; waiting for that: ${plural(row.jobs, 'job')}`, `  -> ${row.hint}`];
}
