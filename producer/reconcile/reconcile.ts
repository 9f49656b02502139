import { toBwError } from '../../shared/errors/bw-error.js';
import type { Finding } from '../../shared/reconcile/finding.js';
import { walk, type Area, type WalkOptions } from '../../shared/reconcile/walk.js';
import { createBackend } from '../../shared/transfer/create-backend.js';
import { PlaceArea, RemainsArea } from './key-area.js';
import type { ReconcileParts } from './parts.js';
import { QueueArea } from './queue-area.js';
import { RunArea } from './run-area.js';
import { readSiteKeys } from './site-keys.js';
import { WorkArea } from './work-area.js';

export interface ReconcileOptions {
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

export interface Reconciled {
  readonly findings: readonly Finding[];
  /** What could not be looked at, and why. */
  readonly problems: readonly { readonly what: string; readonly problem: string }[];
}

/** What a round of the producer begins with: runs whose job is gone or failed, and work of which Redis has never heard. Cheap, and done often. */
export async function reconcileRuns(parts: ReconcileParts): Promise<Reconciled> {
  return collect(parts, [new RunArea(parts, false), new WorkArea(parts)], { dryRun: false });
}

/** Everything: what is safe is repaired (unless it is a dry run), the rest is told. */
export async function reconcileSite(parts: ReconcileParts, options: ReconcileOptions): Promise<Reconciled> {
  await parts.catalog.assertThere();
  const keys = await readSiteKeys(parts.queues.redis);
  const backends = parts.config.lts.map(createBackend);
  const areas = [
    new RunArea(parts, true),
    new WorkArea(parts),
    new QueueArea(parts, backends, keys),
    new PlaceArea(parts.queues, keys),
    new RemainsArea(parts.queues, keys),
  ];
  return collect(parts, areas, options);
}

type AnyArea = Pick<Area<never, never>, 'units'>;

async function collect({ logger }: ReconcileParts, areas: readonly AnyArea[], options: ReconcileOptions): Promise<Reconciled> {
  const findings: Finding[] = [];
  const problems: { what: string; problem: string }[] = [];
  const onProblem: WalkOptions['onProblem'] = (what, thrown) => {
    const error = toBwError(thrown);
    problems.push({ what, problem: `${error.code}: ${error.message}` });
    logger.warn({ err: error, what }, 'not reconciled');
  };
  for (const area of areas) {
    for await (const finding of walk(area as Area<unknown, unknown>, { ...options, onProblem })) {
      findings.push(finding);
      if (!options.dryRun) logger.info({ ...finding }, finding.state === 'repaired' ? 'reconciled' : 'out of step');
    }
  }
  return { findings, problems };
}
