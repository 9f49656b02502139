import { isGone, type Heard } from '../hosts/silence.js';
import { outboxFigures, type OutboxFigures } from './figures.js';
import type { Outbox } from './outbox.js';

/** An outbox in which something waits. */
export interface HostOutbox extends OutboxFigures {
  readonly lts: string;
  readonly host: string;
  /** No worker was heard there for so long that nobody brings it. */
  readonly hostIsGone: boolean;
}

/** The outboxes in which something waits: of these LTS, and of all hosts that were ever heard. */
export async function readOutboxes(outbox: Outbox, lts: readonly string[], heard: Heard): Promise<HostOutbox[]> {
  const hosts = [...new Set(heard.processes.map(({ process }) => process.host))].sort();
  const all = lts.flatMap((name) => hosts.map((host) => ({ lts: name, host })));
  const counts = await Promise.all(all.map(({ lts: name, host }) => outbox.count(name, host)));
  const found: HostOutbox[] = [];
  for (const [index, { lts: name, host }] of all.entries()) {
    if (counts[index] !== 0) found.push({ lts: name, host, hostIsGone: isGone(host, heard), ...outboxFigures(await outbox.all(name, host)) });
  }
  return found.filter(({ files }) => files > 0);
}
