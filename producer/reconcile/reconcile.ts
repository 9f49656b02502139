import { toBwError } from '../../shared/errors/bw-error.js';
import type { Finding } from '../../shared/reconcile/finding.js';
import { noteTurns, roundOf, writeLastRound, type LastRound } from '../../shared/reconcile/last-round.js';
import { CLEANUP_PRIORITY } from '../../shared/queues/priorities.js';
import { JOB_VERSION, type SweepPartsJob } from '../../shared/queues/job-data.js';
import { isLeft, walk, type Area, type WalkOptions } from '../../shared/reconcile/walk.js';
import type { TransferBackend } from '../../shared/transfer/backend.js';
import { createBackends } from '../../shared/transfer/create-backend.js';
import { askHosts } from './ask-hosts.js';
import { BasepathArea } from './basepath-area.js';
import { PlaceArea, RemainsArea } from './key-area.js';
import { foreignObjects } from './foreign-objects.js';
import { OutboxArea } from './outbox-area.js';
import type { ReconcileParts } from './parts.js';
import { QueueArea } from './queue-area.js';
import { RunArea } from './run-area.js';
import { readSiteKeys } from './site-keys.js';
import { allBasepaths, takeSlice } from './slices.js';
import { WorkArea } from './work-area.js';

export interface ReconcileOptions {
  readonly dryRun: boolean;
  /** slice: the basepaths whose turn it is, with long-term storage (a round of the producer) · all: every basepath · lts: with long-term storage. */
  readonly basepaths: 'slice' | 'all' | 'all-with-lts';
  readonly signal?: AbortSignal;
  /** How long a host may take to look at its staging, ms; default 30 s. */
  readonly patienceMs?: number;
}

export interface Reconciled {
  readonly findings: readonly Finding[];
  /** What could not be looked at, and why. */
  readonly problems: readonly { readonly what: string; readonly problem: string }[];
  /** Their staging is looked at when a worker starts there. */
  readonly hostsWithoutWorker: readonly string[];
}

const PATIENCE_MS = 30_000;
/** Basepaths of which what the journal says is held at a time. */
const PIECE = 5_000;

/** What a round of the producer begins with: runs whose job is gone or failed, and work of which Redis has never heard. Cheap, and done often. */
export async function reconcileRuns(parts: ReconcileParts): Promise<Reconciled> {
  const looked = new Looked(parts, { dryRun: false });
  await looked.at('runs', new RunArea(parts, false));
  await looked.at('work directories', new WorkArea(parts));
  return looked;
}

/** Everything: what is safe is repaired (unless it is a dry run), the rest is told. */
export async function reconcileSite(parts: ReconcileParts, options: ReconcileOptions): Promise<Reconciled> {
  await parts.catalog.assertThere();
  const keys = await readSiteKeys(parts.queues.redis);
  const backends = createBackends(parts.config);
  const looked = new Looked(parts, options);
  await looked.at('runs', new RunArea(parts, true));
  await looked.at('work directories', new WorkArea(parts));
  await looked.at('queues', new QueueArea(parts, backends, keys));
  await looked.at('places', new PlaceArea(parts.queues, keys));
  await looked.at('remains of runs', new RemainsArea(parts.queues, keys));
  await looked.at('outboxes', new OutboxArea(parts, keys)); // after the runs: what it looks at may have ended with them
  const turns = new Map<string, readonly Finding[]>();
  const onLooked = (id: string, findings: readonly Finding[]): void => void turns.set(id, findings);
  const withLts = options.basepaths !== 'all' && (await allAnswer(looked, backends));
  if (options.basepaths === 'slice') {
    const slice = await takeSlice(parts);
    await looked.at('basepaths', new BasepathArea(parts, slice.ids, withLts ? backends : null), onLooked);
    // The same ones again while long-term storage was not looked at: their next turn is days away.
    if (!options.dryRun && withLts) await orderPartsSweep(parts, slice.ids).then(slice.done);
  } else {
    const ids = await allBasepaths(parts);
    for (let at = 0; at < ids.length; at += PIECE) await looked.at('basepaths', new BasepathArea(parts, ids.slice(at, at + PIECE), withLts ? backends : null), onLooked);
    if (withLts) for (const backend of backends) await looked.with(backend.name, () => foreignObjects(parts.catalog, backend, new Set(ids)));
  }
  for (const { host, findings, why } of await askHosts(parts.queues, keys.hosts, { patienceMs: PATIENCE_MS, ...options })) {
    looked.findings.push(...(findings ?? []));
    if (findings === null && why === null) looked.hostsWithoutWorker.push(host);
    if (why !== null) looked.problems.push({ what: `staging of ${host}`, problem: why });
  }
  if (!options.dryRun && options.signal?.aborted !== true) await writeLastRound(parts.queues.redis, await roundWith(parts, looked, turns, withLts));
  return looked;
}

async function roundWith({ queues, now }: ReconcileParts, { findings, problems }: Reconciled, turns: ReadonlyMap<string, readonly Finding[]>, withLts: boolean): Promise<LastRound> {
  const ofTurns = new Set([...turns.values()].flat().filter(isLeft));
  return roundOf(findings.filter((finding) => !ofTurns.has(finding)), problems.length, now(), await noteTurns(queues.redis, turns, withLts));
}

/** One that does not answer, or is not mounted, holds nothing, which says nothing: then the rest is compared without long-term storage. */
async function allAnswer(looked: Looked, backends: readonly TransferBackend[]): Promise<boolean> {
  const before = looked.problems.length;
  for (const backend of backends) await looked.with(`long-term storage ${backend.name}`, () => backend.probe().then(() => []));
  return looked.problems.length === before;
}

/** Nobody sees half-written objects in a listing; whoever may delete in LTS removes the old ones. One order at a time. */
async function orderPartsSweep({ queues }: ReconcileParts, basepathIds: readonly string[]): Promise<void> {
  const data: SweepPartsJob = { v: JOB_VERSION, basepathIds: [...basepathIds] };
  await queues.erasing.add('sweep-parts', data, { priority: CLEANUP_PRIORITY, deduplication: { id: 'sweep-parts' } });
}

/** What was found so far. One thing that cannot be looked at does not stop the others. */
class Looked implements Reconciled {
  readonly findings: Finding[] = [];
  readonly problems: { what: string; problem: string }[] = [];
  readonly hostsWithoutWorker: string[] = [];

  constructor(
    private readonly parts: ReconcileParts,
    private readonly options: Pick<WalkOptions, 'dryRun' | 'signal'>,
  ) {}

  async at<Facts, Act>(what: string, area: Area<Facts, Act>, onLooked?: WalkOptions['onLooked']): Promise<void> {
    await this.with(what, async () => {
      for await (const finding of walk(area, { ...this.options, ...(onLooked === undefined ? {} : { onLooked }), onProblem: (unit, thrown) => { this.#tell(unit, thrown); } })) {
        this.findings.push(finding);
        if (!this.options.dryRun) this.parts.logger.info({ ...finding }, finding.state === 'repaired' ? 'reconciled' : 'out of step');
      }
      return [];
    });
  }

  async with(what: string, look: () => Promise<readonly Finding[]>): Promise<void> {
    try {
      this.findings.push(...(await look()));
    } catch (thrown) {
      this.#tell(what, thrown);
    }
  }

  #tell(what: string, thrown: unknown): void {
    const error = toBwError(thrown);
    this.problems.push({ what, problem: `${error.code}: ${error.message}` });
    this.parts.logger.warn({ err: error, what }, 'not reconciled');
  }
}
