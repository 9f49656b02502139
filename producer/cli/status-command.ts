import type { z } from 'zod';
import { proposeRenames, readBasepaths, type BasepathRecord } from '../../shared/basepaths/index.js';
import { summarise, type BasepathStatus } from '../../shared/catalog/status.js';
import { CopyTally, tallied, type LtsCopies } from '../../shared/copies/copy-tally.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { readJournal } from '../../shared/journal/index.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../shared/paths/path-json.js';
import { readProtections, type Protections } from '../../shared/retention/protections.js';
import { redisLocation } from '../../shared/redis/location.js';
import { formatAge, formatBytes, formatCount, formatDuration, table } from '../../shared/terminal/index.js';
import { cutOff, topdirRestores, type TopdirRestoreOnRecord } from '../../shared/topdir-restore/on-record.js';
import { lateOf } from '../policy/past-due.js';
import { outageLines } from './breaker/outage-rows.js';
import { isHeldUp, printHangs } from './hangs/show-hangs.js';
import { readLiveState } from './live-state.js';
import { statusOutput, type statusRowSchema } from './outputs.js';
import { plural, print, printJson } from './print.js';
import { taskLines } from './tasks/task-rows.js';
import { openSite, type CommonOptions, type Site } from './site.js';
import { resumeCommand } from './topdir-restore/options.js';
import { topdirRestoreLines } from './topdir-restore/status-rows.js';

type Output = z.infer<typeof statusOutput>;
type Row = z.infer<typeof statusRowSchema>;

export interface StatusOptions extends CommonOptions {
  readonly check?: boolean;
}

/**
 * `bw-bkup status`: every basepath from catalog and journal, so it is right while Redis and producer are down; running work besides. With `--check`
 * only those that are past due or failed for good, what is out, transfer tasks that wait for an operator, and copies that are missing for too long, for a monitoring program.
 */
export async function statusCommand(options: StatusOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const live = readLiveState(site.config);
  const records = readJournal(site.catalog.journalDir, {
    onProblem: (problem) => { site.logger.warn({ problem }, 'journal line not usable'); },
  });
  const protections = await readProtections(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const renames = proposeRenames((await readBasepaths(site.catalog.journalDir, () => undefined)).all()); // its problems are those told above
  const nowMs = Date.now();
  const tally = new CopyTally(site.config.lts, site.config.topdirs, nowMs);
  const statuses = await summarise(records, tallied(site.catalog.listBackups(), tally), nowMs);
  const all = statuses.map((status) => statusRow(status, protections, lateOf(status, site.config.topdirs, nowMs), renames.get(status.id)));
  const basepaths = options.check === true ? all.filter((row) => row.pastDueMs !== null || hasFailed(row)) : all;
  const output: Output = { v: 1, basepaths, copies: tally.rows.filter(({ missing }) => missing > 0).map(copyRow), ...(await live) };
  if (options.json === true) printJson(statusOutput, output);
  else if (options.check === true) printCheck(basepaths, all.length, output);
  else printPeople(site, output, await topdirRestores(site.catalog.journalDir, () => undefined)); // its problems are those told above
  if (options.check === true) return checkCode(basepaths, (output.outages ?? []).length > 0 || (output.tasks ?? []).some(({ needsOperator }) => needsOperator) || isHeldUp(output.hangs) || output.copies.some(({ overdue }) => overdue > 0));
  const wrong = (row: Row): boolean => row.state === 'never' || row.state === 'failed-since' || row.pastDueMs !== null || row.lastVerified?.outcome === 'damaged';
  return basepaths.some(wrong) || isHeldUp(output.hangs) ? EXIT.failed : EXIT.ok;
}

function copyRow({ lts, missing, missingBytes, overdue, oldest }: LtsCopies): Output['copies'][number] {
  return { lts, missing, missingBytes: missingBytes.toString(), overdue, oldestSealedAt: oldest?.sealedAt ?? null };
}

function copyLine({ lts, missing, missingBytes, overdue, oldestSealedAt }: Output['copies'][number]): string {
  const since = oldestSealedAt === null ? '' : `, the oldest for ${formatDuration(Math.max(0, Date.now() - Date.parse(oldestSealedAt)))}`;
  return `${lts} lacks its copy of ${plural(missing, 'backup')} (${formatBytes(BigInt(missingBytes))})${since}${overdue === 0 ? '' : `; ${formatCount(overdue)} for longer than copies.missingFor`}: bw-bkup copies`;
}

/** Failed for good, and nobody has dismissed it. */
function hasFailed({ state, lastError }: Row): boolean {
  return lastError?.dismissed === false && state !== 'deleted';
}

/** Past due is worse: then there is no recent backup at all. */
function checkCode(rows: readonly Row[], heldUp: boolean): number {
  if (rows.some((row) => row.pastDueMs !== null)) return EXIT.pastDue;
  return rows.length > 0 || heldUp ? EXIT.failed : EXIT.ok;
}

function statusRow(status: BasepathStatus, protections: Protections, pastDueMs: number | null, like: BasepathRecord | undefined): Row {
  const { lastError } = status;
  return {
    basepathId: status.id,
    path: status.path,
    topdir: status.topdir,
    state: status.state,
    lastBackupId: status.lastSealed?.backupId ?? null,
    lastCapturedAt: status.lastSealed?.capturedAt ?? null,
    lastFullCapturedAt: status.lastFull?.capturedAt ?? null,
    ageMs: status.ageMs === null ? null : Math.max(0, status.ageMs),
    pastDueMs,
    exceptions: status.exceptions,
    records: status.files,
    sourceBytes: status.bytes,
    lastProvenAt: status.lastProven?.at ?? null,
    lastProvenBackupId: status.lastProven?.backupId ?? null,
    lastVerified: status.lastVerified,
    lastError: lastError === null ? null : failureRow(lastError),
    looksLike: like === undefined ? null : { basepathId: like.basepathId, path: toPathJson(like.path) },
    held: protections.basepaths.get(status.id) ?? null,
    toAccept: status.shrunk.filter((id) => !protections.accepted.has(id)),
  };
}

function failureRow({ backupId, code, message, at, dismissed }: NonNullable<BasepathStatus['lastError']>): Row['lastError'] {
  return { backupId, code, message, at, dismissed };
}

function printPeople(site: Site, output: Output, cut: readonly TopdirRestoreOnRecord[]): void {
  if (output.basepaths.length === 0) print('No basepath is on record yet: the first scan finds them.');
  else {
    print(
      table(output.basepaths, [
        { title: 'basepath', cell: (row) => (row.path === null ? row.basepathId : showPath(fromPathJson(row.path))) },
        { title: 'id', cell: (row) => row.basepathId },
        { title: 'state', cell: (row) => (row.pastDueMs === null ? row.state : `${row.state}, past due`) },
        { title: 'age', align: 'right', cell: (row) => (row.ageMs === null ? '-' : formatDuration(row.ageMs)) },
        { title: 'entries', align: 'right', cell: (row) => formatCount(row.records) },
        { title: 'size', align: 'right', cell: (row) => formatBytes(BigInt(row.sourceBytes)) },
        { title: 'proven', align: 'right', cell: (row) => provenText(row) },
        { title: 'last error', cell: (row) => (row.lastError === null ? '' : `${row.lastError.code}: ${row.lastError.message}`) },
      ]),
    );
    print(summary(output.basepaths));
    for (const row of output.basepaths) printDecisions(row);
  }
  for (const row of output.copies) print(copyLine(row));
  printLive(site, output);
  for (const { begun } of cutOff(cut, new Set((output.topdirRestores ?? []).map(({ id }) => id)), Date.now())) print(`The restore of ${begun.topdir} into ${begun.target} was cut off. To go on with it: ${resumeCommand(begun)}`);
}

/** What waits for an operator, or was decided by one. */
function printDecisions({ basepathId, held, toAccept, looksLike }: Row): void {
  if (looksLike !== null) print(`${basepathId} looks like ${showPath(fromPathJson(looksLike.path))}, which is gone. If it was renamed: bw-bkup basepath rename ${looksLike.basepathId} ${basepathId}`);
  if (held !== null) print(`${basepathId} is held: ${held}`);
  if (toAccept.length > 0) print(`${basepathId} shrunk in backup ${toAccept.join(', ')}; what was before it is kept. If that is right: bw-bkup accept ${basepathId}`);
}

function printCheck(late: readonly Row[], all: number, { outages, tasks, hangs, copies }: Output): void {
  for (const row of copies) if (row.overdue > 0) print(copyLine(row));
  for (const row of outages ?? []) for (const line of outageLines(row)) print(line);
  for (const row of tasks ?? []) if (row.needsOperator) for (const line of taskLines(row)) print(line);
  if (hangs !== null) printHangs(hangs);
  for (const row of late) {
    const path = row.path === null ? row.basepathId : showPath(fromPathJson(row.path));
    const last = row.ageMs === null ? 'no sealed backup' : `last backup is ${formatDuration(row.ageMs)} old`;
    const how = row.pastDueMs === null ? 'failed' : `past due for ${formatDuration(row.pastDueMs)}`;
    print(`${path}: ${how}, ${last}${row.lastError === null ? '' : `; ${row.lastError.code}: ${row.lastError.message}`}`);
  }
  const pastDue = late.filter((row) => row.pastDueMs !== null).length;
  const failed = late.filter(hasFailed).length;
  print(`${plural(all, 'basepath')}, ${formatCount(pastDue)} past due, ${formatCount(failed)} failed for good${failed === 0 ? '' : ' (see bw-bkup dead list)'}.`);
}

/** When a restore was last proven; what the last look found, if that was damage. */
function provenText(row: Row): string {
  if (row.lastVerified?.outcome === 'damaged') return 'DAMAGED';
  return row.lastProvenAt === null ? 'never' : formatAge(Date.parse(row.lastProvenAt), Date.now());
}

/** `3 basepaths: 2 ok, 1 never, 1 past due`. */
export function summary(rows: readonly Pick<Row, 'state' | 'pastDueMs'>[]): string {
  const states: Row['state'][] = ['ok', 'exceptions', 'failed-since', 'never', 'deleted'];
  const counts = states.map((state) => [rows.filter((row) => row.state === state).length, state] as const).filter(([count]) => count > 0);
  const late = rows.filter((row) => row.pastDueMs !== null).length;
  const told = [...counts.map(([count, state]) => `${formatCount(count)} ${state}`), ...(late === 0 ? [] : [`${formatCount(late)} past due`])];
  return `${plural(rows.length, 'basepath')}: ${told.join(', ')}`;
}

const PARKED = {
  window: 'fulls wait for windows.fulls to open',
  concurrency: 'as many as `concurrency` lets read it do',
  incident: 'it hangs on too many hosts',
  hung: 'their basepath hangs',
} as const;

function printLive({ config }: Site, { running, topdirRestores, queues, parked, drained, outages, tasks, hangs, reconciled }: Output): void {
  if (running === null) {
    const unknown = `Redis at ${redisLocation(config)} does not answer: what is running is unknown.`;
    print(config.redis.url === null ? 'Nothing is running: no standalone, and no command that works by itself.' : unknown);
    return;
  }
  for (const run of running) {
    const done = run.phase === 'planning' ? `${plural(run.entriesFound, 'entry', 'entries')} found` : `${formatCount(run.entriesDone)} of ${plural(run.records, 'entry', 'entries')}`;
    const since = formatDuration(Math.max(0, Date.now() - Date.parse(run.startedAt)));
    print(`${run.kind} ${run.id} of ${run.basepathId}: ${run.phase} for ${since}, ${done}, ${formatBytes(run.sentBytes)} in long-term storage`);
  }
  for (const row of topdirRestores ?? []) for (const line of topdirRestoreLines(row, Date.now())) print(line);
  for (const row of tasks ?? []) for (const line of taskLines(row)) print(line);
  for (const row of outages ?? []) for (const line of outageLines(row)) print(line);
  for (const { host, since, user, reason } of drained ?? []) {
    print(`${host} is drained for ${formatDuration(Math.max(0, Date.now() - Date.parse(since)))}${user === null ? '' : ` by ${user}`}${reason === '' ? '' : ` (${reason})`}; to end that: bw-bkup resume ${host}`);
  }
  if (reconciled !== null) for (const line of reconciledLines(reconciled)) print(line);
  if (hangs !== null) printHangs(hangs);
  const waiting = queueLine(queues ?? {});
  if (waiting !== null) print(waiting);
  for (const { topdir, reason, jobs } of parked ?? []) print(`${plural(jobs, 'job')} of ${topdir} may not start now: ${PARKED[reason]} (bw-bkup limits)`);
}

function reconciledLines({ at, left, problems }: NonNullable<Output['reconciled']>): string[] {
  if (left + problems === 0) return [];
  const told = [...(left > 0 ? [`left ${plural(left, 'finding')} to you`] : []), ...(problems > 0 ? [`could not look at ${plural(problems, 'thing')}`] : [])];
  return [`The reconciler ${told.join(' and ')} ${formatAge(Date.parse(at), Date.now())}: bw-bkup reconcile --dry-run (with --lts also what is in long-term storage)`];
}

/** What is not ended in the queues, or null when nothing is. */
export function queueLine(queues: NonNullable<Output['queues']>): string | null {
  const open = Object.entries(queues).flatMap(([name, counts]) => {
    const shown = Object.entries(counts).filter(([state, count]) => state !== 'completed' && count > 0);
    return shown.length === 0 ? [] : [`${name} ${shown.map(([state, count]) => `${formatCount(count)} ${state}`).join(', ')}`];
  });
  return open.length === 0 ? null : `Queues: ${open.join('; ')}`;
}
