import type { z } from 'zod';
import { readBasepaths } from '../../../shared/basepaths/index.js';
import { parseSize } from '../../../shared/config/units.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { openJournal, writerName } from '../../../shared/journal/index.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../../shared/paths/path-json.js';
import { readClaims } from '../../../shared/retention/claims.js';
import { formatAge, formatBytes, formatCount } from '../../../shared/terminal/index.js';
import { chainsToFree, sparableChains, type Chain } from '../../policy/to-free.js';
import { applyPrune, type PruneResult } from '../../retention/apply-prune.js';
import { planPrune, type BasepathPrune, type PruneParts, type PrunePlan } from '../../retention/prune.js';
import { resolveBasepath } from '../find-basepath.js';
import { plural, print, printJson } from '../print.js';
import { openSession, type Session, type StartLocal } from '../session.js';
import { openSite, usage, type CommonOptions, type Site } from '../site.js';
import { liveClaims } from './live-claims.js';
import { pruneOutput, type prunedBackupSchema } from './outputs.js';

export interface PruneOptions extends CommonOptions {
  readonly dryRun?: boolean;
  readonly topdir?: string;
  readonly accept?: boolean;
  readonly toFree?: string;
}

type Output = z.infer<typeof pruneOutput>;

/** What a dry run collects while basepaths go by. */
interface Shown {
  readonly basepaths: Output['basepaths'];
  readonly chains: Chain[];
}

/** `bw-bkup prune`: removes what retention lets go; with --dry-run only says what, and why each backup is kept. */
export async function pruneCommand(name: string | undefined, options: PruneOptions, startLocal: StartLocal): Promise<number> {
  const wanted = check(name, options);
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const basepathId = name === undefined ? {} : { basepathId: (await resolveBasepath(site, name)).basepathId };
  const topdir = options.topdir === undefined ? {} : { topdir: configuredTopdir(site, options.topdir) };
  const scope = { ...basepathId, ...topdir, accept: options.accept === true };
  if (options.dryRun === true) return finish(options, await dryRun(site, scope, wanted));
  const session = await openSession(site, options, startLocal, 'redis');
  try {
    return finish(options, await carryOut(session, scope));
  } finally {
    await session.close();
  }
}

type Scope = Parameters<typeof planPrune>[1];

/** Bytes of --to-free, or null. Throws USAGE. */
function check(name: string | undefined, { topdir, toFree, dryRun, accept }: PruneOptions): bigint | null {
  if (name !== undefined && topdir !== undefined) throw usage('give either a BASEPATH or --topdir');
  if (dryRun === true && accept === true) throw usage('--accept carries out what --dry-run only shows');
  if (toFree === undefined) return null;
  if (dryRun !== true) throw usage('--to-free goes with --dry-run', 'It says what would have to go; to let it go, change retention.');
  try {
    return BigInt(parseSize(toFree));
  } catch (thrown) {
    throw usage(`--to-free ${toFree} ${thrown instanceof Error ? thrown.message : ''}`, 'Give a size such as 500GiB.');
  }
}

function configuredTopdir({ config }: Site, path: string): string {
  const clean = path.replace(/(.)\/+$/, '$1');
  if (config.topdirs.some((topdir) => topdir.path === clean)) return clean;
  throw usage(`${path} is not a configured topdir`, `Configured: ${config.topdirs.map((topdir) => topdir.path).join(', ')}.`);
}

async function partsOf(site: Site, claims: PruneParts['claims']): Promise<PruneParts> {
  const onProblem = (problem: unknown): void => { site.logger.warn({ problem }, 'journal line not usable'); };
  return { config: site.config, catalog: site.catalog, registry: await readBasepaths(site.catalog.journalDir, onProblem), now: Date.now, claims, onProblem };
}

async function dryRun(site: Site, scope: Scope, wanted: bigint | null): Promise<Output> {
  const shown: Shown = { basepaths: [], chains: [] };
  const plan = await planPrune(await partsOf(site, () => liveClaims(site.config)), scope, (basepath) => {
    shown.basepaths.push(basepathOf(basepath));
    if (wanted !== null) shown.chains.push(...sparableChains(basepath.basepathId, basepath.backups, basepath.decisions));
  });
  const nothing: PruneResult = { removed: [], withheld: new Map(), mended: [], erasing: 0 };
  return { ...(await outputOf(site, scope, plan, nothing)), dryRun: true, basepaths: shown.basepaths, toFree: wanted === null ? null : freeing(plan, shown.chains, wanted) };
}

async function carryOut(session: Session, scope: Scope): Promise<Output> {
  const parts = await partsOf(session, () => readClaims(session.runs, session.queues));
  const journal = await openJournal(session.catalog.journalDir, writerName(session.config.host, process.pid));
  try {
    const plan = await planPrune(parts, scope);
    const result = await applyPrune({ ...parts, journal, queues: session.queues }, plan);
    return await outputOf(session, scope, plan, result);
  } finally {
    await journal.close();
  }
}

async function outputOf(site: Site, scope: Scope, plan: PrunePlan, result: PruneResult): Promise<Output> {
  const pending: Output['pending'] = [];
  for await (const { basepathId, backupId, state, tombstone } of site.catalog.listRemoved(scope.basepathId === undefined ? {} : { basepathId: scope.basepathId })) {
    pending.push({ basepathId, backupId, state, eraseAfter: tombstone?.eraseAfter ?? null, reason: tombstone?.reason ?? null });
  }
  return {
    v: 1,
    dryRun: false,
    topdirs: plan.topdirs.map(({ topdir, backups, remove, removeBytes, waits }) => ({ topdir: topdir.path, backups, remove, removeBytes: removeBytes.toString(), waits })),
    basepaths: plan.basepaths.map(basepathOf),
    removed: [...result.removed],
    withheld: [...result.withheld].map(([backupId, reason]) => ({ backupId, reason })),
    pending,
    erasing: result.erasing,
    toFree: null,
  };
}

function basepathOf({ basepathId, record, backups, decisions }: BasepathPrune): Output['basepaths'][number] {
  const byId = new Map(backups.map((backup) => [backup.backupId, backup]));
  const rows = decisions.flatMap(({ backupId, keep, reasons }): z.infer<typeof prunedBackupSchema>[] => {
    const backup = byId.get(backupId);
    if (backup === undefined) return [];
    const { level, capturedAtMs, bytes } = backup;
    return [{ backupId, level, capturedAt: new Date(capturedAtMs).toISOString(), bytes: bytes.toString(), keep, reasons: [...reasons] }];
  });
  return { basepathId, path: record === undefined ? null : toPathJson(record.path), backups: rows };
}

function freeing(plan: PrunePlan, chains: readonly Chain[], wanted: bigint): Output['toFree'] {
  const byRetention = plan.topdirs.reduce((sum, { removeBytes }) => sum + removeBytes, 0n);
  const chosen = byRetention >= wanted ? [] : chainsToFree(chains, wanted - byRetention);
  const freed = chosen.reduce((sum, { bytes }) => sum + bytes, byRetention);
  const rows = chosen.map(({ basepathId, backupIds, newestCapturedAtMs, bytes }) => ({ basepathId, backups: [...backupIds], newestCapturedAt: new Date(newestCapturedAtMs).toISOString(), bytes: bytes.toString() }));
  return { wanted: wanted.toString(), byRetention: byRetention.toString(), chains: rows, enough: freed >= wanted };
}

function finish(options: PruneOptions, output: Output): number {
  if (options.json === true) printJson(pruneOutput, output);
  else printPeople(output);
  return output.topdirs.some(({ waits }) => waits !== null) && !output.dryRun ? EXIT.failed : EXIT.ok;
}

function printPeople(output: Output): void {
  const now = Date.now();
  for (const basepath of output.basepaths) {
    print(`${basepath.path === null ? basepath.basepathId : showPath(fromPathJson(basepath.path))} (${basepath.basepathId})`);
    for (const row of basepath.backups) {
      const what = `${row.level.padEnd(12)} ${formatAge(Date.parse(row.capturedAt), now).padEnd(14)} ${formatBytes(BigInt(row.bytes)).padStart(10)}`;
      print(`  ${row.keep ? 'keep  ' : 'remove'} ${row.backupId} ${what}  ${row.reasons.join('; ')}`);
    }
  }
  for (const { topdir, backups, remove, removeBytes, waits } of output.topdirs) {
    print(`${topdir}: ${plural(remove, 'backup')} of ${formatCount(backups)} ${output.dryRun ? 'would be' : waits === null ? 'are' : 'would be'} removed (${formatBytes(BigInt(removeBytes))}).`);
    if (waits !== null) print(`  Waits: ${waits}. If that is meant: bw-bkup prune --topdir ${topdir} --accept`);
  }
  for (const { backupId, reason } of output.withheld) print(`Not removed: ${backupId}: ${reason}`);
  printPending(output);
  printToFree(output.toFree);
}

function printPending({ pending, erasing, dryRun }: Output): void {
  const waiting = pending.filter(({ state }) => state === 'removed');
  const next = waiting.flatMap(({ eraseAfter }) => eraseAfter ?? []).sort()[0];
  if (waiting.length > 0) print(`${plural(waiting.length, 'removed backup')} can still be undeleted, the first until ${next ?? 'an unknown time'}.`);
  if (dryRun) for (const { backupId, basepathId, eraseAfter } of waiting) print(`  ${backupId} of ${basepathId}, until ${eraseAfter ?? '?'}`);
  if (erasing > 0) print(`${plural(erasing, 'backup')} given to the eraser.`);
}

function printToFree(toFree: Output['toFree']): void {
  if (toFree === null) return;
  print(`Retention as it is frees ${formatBytes(BigInt(toFree.byRetention))} of ${formatBytes(BigInt(toFree.wanted))}.`);
  if (toFree.chains.length > 0) print('These would have to go too, those with the oldest states first:');
  for (const { basepathId, backups, newestCapturedAt, bytes } of toFree.chains) {
    print(`  ${basepathId}: ${plural(backups.length, 'backup')} from ${backups[0] ?? '?'} on, newest state ${newestCapturedAt}, ${formatBytes(BigInt(bytes))}`);
  }
  if (!toFree.enough) print('That is all that could go: the rest is the newest of its basepath, held, or needed.');
}
