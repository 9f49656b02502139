import { EXIT } from '../../shared/errors/exit-codes.js';
import { FINDINGS, type Finding, type FindingKind } from '../../shared/reconcile/finding.js';
import { isLeft } from '../../shared/reconcile/walk.js';
import { formatBytes, formatCount } from '../../shared/terminal/index.js';
import { reconcileSite, type Reconciled } from '../reconcile/reconcile.js';
import { plural, print, printJson } from './print.js';
import { reconcileOutput } from './reconcile-outputs.js';
import { withJournal } from './removal/operator.js';
import type { StartLocal } from './session.js';
import type { CommonOptions } from './site.js';
import { catchStop } from './stop-signal.js';
import { withSession } from './work/drain-command.js';

export interface ReconcileCommandOptions extends CommonOptions {
  readonly dryRun?: boolean;
  readonly lts?: boolean;
}

/** `bw-bkup reconcile`: what does not fit together is found, and repaired where that is safe; exit 1 when something is left. */
export async function reconcileCommand(options: ReconcileCommandOptions, startLocal: StartLocal): Promise<number> {
  const dryRun = options.dryRun === true;
  const stop = catchStop(() => undefined);
  return withSession(options, startLocal, async (session) => {
    const { config, catalog, logger, queues, runs } = session;
    const basepaths = options.lts === true ? 'all-with-lts' : 'all';
    const found = await withJournal(session, (journal) => reconcileSite({ config, catalog, logger, queues, runs, journal, now: () => new Date() }, { dryRun, basepaths, signal: stop.signal }));
    if (options.json === true) printJson(reconcileOutput, { v: 1, dryRun, findings: [...found.findings], problems: [...found.problems] });
    else printPeople(found, dryRun);
    if (stop.signal.aborted) return stop.exitCode();
    return found.problems.length > 0 || found.findings.some(isLeft) ? EXIT.failed : EXIT.ok;
  });
}

/** Shown of each kind; the rest is counted. */
const SHOWN = 10;

function printPeople({ findings, problems }: Reconciled, dryRun: boolean): void {
  const mended = findings.filter((finding) => !isLeft(finding));
  const left = findings.filter(isLeft);
  if (mended.length > 0) print(dryRun ? 'Would be repaired:' : 'Repaired:');
  printKinds(mended);
  if (left.length > 0) print('Left to you:');
  printKinds(left);
  for (const { what, problem } of problems) print(`Not looked at: ${what}: ${problem}`);
  print(`${plural(findings.length, 'finding')}: ${formatCount(mended.length)} ${dryRun ? 'to be repaired' : 'repaired'}, ${formatCount(left.length)} left to you${problems.length === 0 ? '' : `; ${formatCount(problems.length)} could not be looked at`}.`);
}

function printKinds(findings: readonly Finding[]): void {
  const kinds = new Map<FindingKind, Finding[]>();
  for (const finding of findings) kinds.set(finding.kind, [...(kinds.get(finding.kind) ?? []), finding]);
  for (const [kind, own] of kinds) {
    print(`  ${kind} (${formatCount(own.length)}): ${FINDINGS[kind].means}`);
    for (const { subject, detail, bytes, error, command } of own.slice(0, SHOWN)) {
      print(`    ${subject}: ${detail}${bytes === null ? '' : ` (${formatBytes(BigInt(bytes))})`}${error === null ? '' : `; ${error}`}`);
      if (command !== null) print(`      -> ${command}`);
    }
    if (own.length > SHOWN) print(`    and ${formatCount(own.length - SHOWN)} more (--json has all)`);
  }
}
