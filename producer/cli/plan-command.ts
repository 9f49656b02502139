import type { z } from 'zod';
import { readBasepaths, type BasepathRecord, type BasepathRegistry } from '../../shared/basepaths/index.js';
import type { EventKind } from '../../shared/config/config.js';
import { limitInForce } from '../../shared/limits/configured.js';
import { opensInMs } from '../../shared/limits/windows.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../shared/paths/path-json.js';
import { redisLocation } from '../../shared/redis/location.js';
import { waitingLane } from '../../shared/queues/priorities.js';
import { formatBytes, formatCount, formatDuration, table } from '../../shared/terminal/index.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { decideTopdir } from '../policy/decide.js';
import type { Verdict } from '../policy/verdict.js';
import { resolveBasepath, type NamedBasepath } from './find-basepath.js';
import { planOutput } from './outputs.js';
import { capacityCommand } from './plan-capacity.js';
import { excludedFrom } from './plan-excluded.js';
import { openPlanFacts, type PlanFacts } from './plan-facts.js';
import { plural, print, printJson } from './print.js';
import { openSite, type CommonOptions, type Site } from './site.js';

export interface PlanOptions extends CommonOptions {
  readonly capacity?: boolean;
  readonly slots?: string;
  readonly shards?: boolean;
}

type Output = z.infer<typeof planOutput>;
type Row = Output['plan'][number];

const EVENTS: ReadonlySet<EventKind> = new Set(['scan', 'fulls', 'incrementals', 'failed']);

/** `bw-bkup plan [BASEPATH]`: what the next round of the producer would do and why, without doing it. */
export async function planCommand(name: string | undefined, options: PlanOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  if (options.shards === true) return (await import('./plan-shards-command.js')).planShardsCommand(site, name, options);
  const registry = await readBasepaths(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const one = name === undefined ? null : await resolveBasepath(site, name);
  const facts = await openPlanFacts(site);
  try {
    if (options.capacity === true) return await capacityCommand(site, registry, facts, options);
    const rows = await rowsOf(site, registry, facts);
    const plan = one === null ? rows.filter(({ act }) => act !== 'nothing') : rows.filter(({ basepathId }) => basepathId === one.basepathId);
    const output: Output = { v: 1, live: facts.live, plan, excluded: one === null ? null : await excludedFrom(site, one) };
    if (options.json === true) printJson(planOutput, output);
    else printPeople(site, output, rows, one);
    return EXIT.ok;
  } finally {
    facts.close();
  }
}

async function rowsOf(site: Site, registry: BasepathRegistry, facts: PlanFacts): Promise<Row[]> {
  const rows: Row[] = [];
  const set = await facts.limits();
  for (const topdir of site.config.topdirs) {
    const records = registry.presentIn(topdir.path);
    const { basepaths, day } = await facts.of(topdir, records);
    const decided = decideTopdir({ schedule: topdir.schedule, basepaths, events: EVENTS, day, nowMs: Date.now() });
    const windows = limitInForce(site.config, set, 'windows.fulls', { topdir: topdir.path }, Date.now()) ?? [];
    const waitMs = opensInMs(windows, topdir.schedule.timezone, Date.now());
    for (const [index, { full, other }] of decided.basepaths.entries()) {
      const record = records[index] as BasepathRecord;
      rows.push(withWindow(row(record, 'full', full), waitMs), row(record, 'other', other));
    }
  }
  return rows;
}

/** A full that is due outside of the windows of its topdir is enqueued all the same, and parked until they open. */
function withWindow(full: Row, waitMs: number): Row {
  if (waitMs === 0 || full.priorityClass !== 'full') return full;
  return { ...full, reason: `${full.reason}; may begin in ${formatDuration(waitMs)} (windows.fulls)` };
}

function row({ basepathId, path, topdir }: BasepathRecord, kind: Row['kind'], verdict: Verdict): Row {
  const { act, level, reason } = verdict;
  const queued = act === 'enqueue' || act === 'in-flight' ? verdict : null;
  const priority = queued === null ? null : waitingLane(queued.priorityClass, queued.missed);
  return { basepathId, path: toPathJson(path), topdir, kind, act, level, priorityClass: queued?.priorityClass ?? null, priority, reason };
}

function printPeople({ config }: Site, { live, plan, excluded }: Output, all: readonly Row[], one: NamedBasepath | null): void {
  const away = config.redis.url === null ? 'No standalone runs' : `Redis at ${redisLocation(config)} does not answer`;
  if (!live) print(`${away}: what was enqueued before and waits is not known.`);
  const sorted = [...plan].sort((a, b) => order(a) - order(b) || (a.priority ?? 0) - (b.priority ?? 0));
  if (sorted.length > 0) {
    print(
      table(sorted, [
        { title: 'basepath', cell: ({ path }) => showPath(fromPathJson(path)) },
        { title: 'level', cell: ({ level, kind }) => level ?? kind },
        { title: 'what', cell: ({ act }) => SAID[act] },
        { title: 'priority', align: 'right', cell: ({ priority, priorityClass }) => (priority === null ? '' : `${priority} ${priorityClass ?? ''}`) },
        { title: 'why', cell: ({ reason }) => reason },
      ]),
    );
  }
  if (excluded !== null && excluded.entries > 0) {
    print(`exclude takes out ${plural(excluded.entries, 'entry', 'entries')} (${formatBytes(BigInt(excluded.bytes))}) of the newest backup:`);
    for (const path of excluded.paths) print(`  ${showPath(fromPathJson(path))}`);
  }
  if (one === null) print(summaryOf(all));
}

const SAID: Readonly<Record<Row['act'], string>> = { enqueue: 'due', hold: 'kept back', 'in-flight': 'in flight', nothing: 'not due' };
const ORDER: readonly Row['act'][] = ['in-flight', 'enqueue', 'hold', 'nothing'];

function order({ act }: Row): number {
  return ORDER.indexOf(act);
}

function summaryOf(rows: readonly Row[]): string {
  const count = (act: Row['act']): string => formatCount(rows.filter((each) => each.act === act).length);
  return `${plural(rows.length / 2, 'basepath')}: ${count('enqueue')} due, ${count('hold')} kept back, ${count('in-flight')} in flight.`;
}
