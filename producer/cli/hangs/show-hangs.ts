import type { readStanding } from '../../../shared/hosts/read-standing.js';
import { formatAge } from '../../../shared/terminal/index.js';
import { print } from '../print.js';
import type { Hangs } from './outputs.js';

/** As `status` has it. */
export function hangsOf({ hangs, parked, aside, incidents }: Awaited<ReturnType<typeof readStanding>>): Hangs {
  return {
    hangs: hangs.map(({ basepathId, topdir, host, atMs, count, answered }) => ({ basepathId, topdir, host, at: iso(atMs), count, answered, aside: aside.includes(host) })),
    incidents: [...incidents],
    parkedBasepaths: parked.map(({ basepathId, topdir, hosts, sinceMs, untilMs }) => ({ basepathId, topdir, hosts: [...hosts], since: iso(sinceMs), until: iso(untilMs) })),
  };
}

/** Something is not read that should be. A host alone that is set aside is no reason for an alarm: others do its work. */
export function isHeldUp(hangs: Hangs | null): boolean {
  return hangs !== null && (hangs.incidents.length > 0 || hangs.parkedBasepaths.length > 0);
}

export function printHangs({ hangs, incidents, parkedBasepaths }: Hangs): void {
  for (const topdir of incidents) print(`${topdir} hangs on too many hosts: nobody reads it until it answers again. Look at its servers and at dmesg of these hosts.`);
  for (const { basepathId, host, at, answered, aside } of hangs) {
    const what = aside ? 'it takes no work until that is over' : 'it goes on working';
    print(`${basepathId} hung on ${host} ${formatAge(Date.parse(at), Date.now())}${answered ? '' : ', and so did its whole topdir'}: ${what}`);
  }
  for (const { basepathId, hosts, until } of parkedBasepaths) {
    print(`${basepathId} hung on ${hosts.join(', ')} and is parked until ${until}. When it can be read again: bw-bkup basepath unpark ${basepathId}`);
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
