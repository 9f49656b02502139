import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '../../../shared/catalog/index.js';
import { copyStates } from '../../../shared/copies/copy-state.js';
import { orderCopy, type CopyOrder } from '../../../shared/copies/order.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { formatBytes } from '../../../shared/terminal/index.js';
import { resolveBasepath } from '../find-basepath.js';
import { jobExitCode } from '../job-exit-code.js';
import { plural, print, printJson } from '../print.js';
import { openSession, type Session, type StartLocal } from '../session.js';
import { openSite, usage, type CommonOptions, type Site } from '../site.js';
import { catchStop } from '../stop-signal.js';
import { ltsNamed, sealedOf, topdirNamed } from './copies-command.js';
import { copyOrdersOutput, type CopyOrdersOutput } from './outputs.js';

export interface MakeOptions extends CommonOptions {
  readonly lts?: string;
  readonly topdir?: string;
  readonly basepath?: string;
  readonly backup?: string;
  readonly wait?: boolean;
}

type Row = CopyOrdersOutput['orders'][number];

const POLL_MS = 200;

/**
 * `bw-bkup copies make`: orders copies that are missing. With --lts also those of backups from before that one was configured; that is how a new one is filled up.
 */
export async function copiesMakeCommand(options: MakeOptions, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const orders: CopyOrder[] = [];
  const names = site.config.lts.map(({ name }) => name);
  const only = options.lts === undefined ? null : ltsNamed(site.config, options.lts);
  for await (const manifest of chosen(site, options)) {
    for (const { lts, state } of copyStates(manifest, names)) {
      if (only === null ? state === 'missing' : lts === only && state !== 'complete') orders.push(orderOf(manifest, lts, false));
    }
  }
  if (orders.length === 0 && options.json !== true) print('No copy is missing.');
  return orderAll(site, orders, options, startLocal);
}

/** `bw-bkup copies repair BACKUP`: reads its copies, and makes again what is damaged from another one. */
export async function copiesRepairCommand(backup: string, options: MakeOptions, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const manifest = await site.catalog.findBackup(backup);
  const only = options.lts === undefined ? null : ltsNamed(site.config, options.lts);
  const there = copyStates(manifest, site.config.lts.map(({ name }) => name)).filter(({ state, lts }) => state !== 'absent' && (only ?? lts) === lts);
  if (there.length === 0) throw noCopy(manifest.backupId, only);
  return orderAll(site, there.map(({ lts }) => orderOf(manifest, lts, true)), options, startLocal);
}

function orderOf({ basepathId, backupId }: Manifest, lts: string, repair: boolean): CopyOrder {
  return { basepathId, backupId, lts, repair };
}

/** Throws USAGE, BASEPATH_UNKNOWN, BACKUP_*. */
async function* chosen(site: Site, { topdir, basepath, backup }: MakeOptions): AsyncGenerator<Manifest> {
  if ([topdir, basepath, backup].filter((each) => each !== undefined).length > 1) throw usage('--topdir, --basepath and --backup exclude each other', 'Give one of them, or none for all backups.');
  if (backup !== undefined) yield await site.catalog.findBackup(backup);
  else if (basepath !== undefined) yield* sealedOf(site, undefined, (await resolveBasepath(site, basepath)).basepathId);
  else yield* sealedOf(site, topdir === undefined ? undefined : topdirNamed(site.config, topdir));
}

async function orderAll(site: Site, orders: readonly CopyOrder[], options: MakeOptions, startLocal: StartLocal): Promise<number> {
  const session = await openSession(site, options, startLocal);
  const stop = catchStop(() => undefined);
  try {
    const ordered = [];
    for (const order of orders) ordered.push({ order, jobId: await orderCopy(session.queues, order) });
    const waits = options.wait === true || session.local;
    const rows: Row[] = [];
    for (const { order, jobId } of ordered) rows.push(waits ? await ended(session, order, jobId, stop.signal) : rowOf(order, 'enqueued'));
    if (options.json === true) printJson(copyOrdersOutput, { v: 1, orders: rows });
    else printRows(rows);
    if (stop.signal.aborted) return stop.exitCode();
    const failed = rows.find(({ state }) => state === 'failed');
    return failed === undefined ? EXIT.ok : jobExitCode(failed.error);
  } finally {
    stop.release();
    await session.close(stop.signal);
  }
}

async function ended({ queues }: Session, order: CopyOrder, jobId: string, signal: AbortSignal): Promise<Row> {
  while (!signal.aborted) {
    const job = await queues.copies.getJob(jobId);
    if (job === undefined) return { ...rowOf(order, 'failed'), error: 'JOB_GONE: the job is not in the queue any more' };
    if (job.finishedOn !== undefined && (await job.isFailed())) return { ...rowOf(order, 'failed'), error: job.failedReason };
    if (job.finishedOn !== undefined) {
      const { state = 'made', objects = 0, bytes = 0 } = job.returnvalue as { state?: string; objects?: number; bytes?: number };
      return { ...rowOf(order, state === 'made' ? 'done' : 'gone'), objects, bytes };
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return rowOf(order, 'enqueued');
}

function rowOf({ basepathId, backupId, lts }: CopyOrder, state: Row['state']): Row {
  return { basepathId, backupId, lts, state, objects: 0, bytes: 0, error: null };
}

function printRows(rows: readonly Row[]): void {
  const waiting = rows.filter(({ state }) => state === 'enqueued').length;
  for (const { basepathId, backupId, lts, state, objects, bytes, error } of rows) {
    const what = `${lts}: ${basepathId} ${backupId}`;
    if (state === 'done') print(`${what} is complete${objects === 0 ? ', nothing was missing' : `: ${plural(objects, 'object')}, ${formatBytes(BigInt(bytes))} made`}.`);
    if (state === 'gone') print(`${what} was removed meanwhile.`);
    if (state === 'failed') print(`${what} could not be made: ${error ?? 'unknown'}`);
  }
  if (waiting > 0) print(`${plural(waiting, 'copy', 'copies')} ordered. See how far they are with: bw-bkup copies`);
}

function noCopy(backupId: string, lts: string | null): BwError {
  return new BwError('COPY_NOT_THERE', {
    message: lts === null ? 'no configured LTS has a copy of this backup' : `${lts} has no copy of this backup to be repaired`,
    subject: `backup ${backupId}`,
    retry: 'permanent',
    hint: 'Make one with `bw-bkup copies make --lts LTS --backup BACKUP`.',
  });
}
