import type { z } from 'zod';
import type { BasepathRegistry } from '../../shared/basepaths/index.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { formatBytes, formatCount, table } from '../../shared/terminal/index.js';
import { capacityOf } from '../policy/capacity.js';
import { capacityOutput } from './outputs.js';
import type { PlanOptions } from './plan-command.js';
import type { PlanFacts } from './plan-facts.js';
import { print, printJson } from './print.js';
import { usage, type Site } from './site.js';

type Output = z.infer<typeof capacityOutput>;

/** `bw-bkup plan --capacity`: whether fulls and incrementals fit into the slots there are, from what sealed backups took of them. */
export async function capacityCommand(site: Site, registry: BasepathRegistry, facts: PlanFacts, options: PlanOptions): Promise<number> {
  const slots = options.slots === undefined ? ((await facts.slots()) ?? site.config.worker.slots) : slotsOf(options.slots);
  const topdirs: Output['topdirs'] = [];
  for (const topdir of site.config.topdirs) {
    const records = registry.presentIn(topdir.path);
    topdirs.push({ topdir: topdir.path, ...capacityOf((await facts.of(topdir, records)).basepaths, Date.now()) });
  }
  const slotsNeeded = topdirs.reduce((sum, { fullSlots, otherSlots }) => sum + fullSlots + otherSlots, 0);
  const output: Output = { v: 1, slots, slotsNeeded, fits: slotsNeeded < slots, topdirs };
  if (options.json === true) printJson(capacityOutput, output);
  else printPeople(output);
  return output.fits ? EXIT.ok : EXIT.failed;
}

function slotsOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw usage(`--slots ${text} is not a number of slots`);
}

function printPeople({ slots, slotsNeeded, fits, topdirs }: Output): void {
  print(
    table(topdirs, [
      { title: 'topdir', cell: ({ topdir }) => topdir },
      { title: 'basepaths', align: 'right', cell: ({ basepaths, measured }) => `${formatCount(basepaths)} (${formatCount(measured)} measured)` },
      { title: 'a cycle of fulls', align: 'right', cell: ({ fullBytes }) => formatBytes(fullBytes) },
      { title: 'one slot saves', align: 'right', cell: ({ bytesPerSlotSecond: rate }) => (rate === null ? '-' : `${formatBytes(Math.round(rate))}/s`) },
      { title: 'slots for fulls', align: 'right', cell: ({ fullSlots }) => fullSlots.toFixed(2) },
      { title: 'for others', align: 'right', cell: ({ otherSlots }) => otherSlots.toFixed(2) },
    ]),
  );
  const share = slots === 0 ? '' : ` (${Math.round((100 * slotsNeeded) / slots)} %)`;
  const remedy = 'Add slots or workers, lengthen schedule.fullEvery, or make them rarer for some basepaths.';
  print(`${slotsNeeded.toFixed(2)} of ${formatCount(slots)} slots${share} are needed day and night: the cycle ${fits ? 'fits' : 'does not fit'}.${fits ? '' : ` ${remedy}`}`);
}
