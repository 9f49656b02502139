import { resolve } from 'node:path';
import type { z } from 'zod';
import { readBasepaths } from '../../shared/basepaths/index.js';
import type { TopdirConfig } from '../../shared/config/config.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { openJournal, writerName } from '../../shared/journal/index.js';
import { relativeToTopdir } from '../../shared/paths/basepath-root.js';
import { bytePath, showPath, type BytePath } from '../../shared/paths/byte-path.js';
import { workerConnection } from '../../shared/redis/connect.js';
import { enqueueBackup, type Enqueued } from '../scheduler/enqueue.js';
import { openGate } from '../scheduler/hook-gate.js';
import { scanTopdir } from '../scheduler/tick.js';
import { watchJobs, type Ended } from '../scheduler/watch-jobs.js';
import { resolveBasepath, unknownBasepath, type NamedBasepath } from './find-basepath.js';
import { backupOutput } from './outputs.js';
import { print, printJson } from './print.js';
import { showProgress } from './show-progress.js';
import { openSession, type CommonOptions, type Session, type StartLocal } from './session.js';

export interface BackupOptions extends CommonOptions {
  readonly wait?: boolean;
  readonly acceptSource?: boolean;
}

type Output = z.infer<typeof backupOutput>;

/** `bw-bkup backup BASEPATH [--wait]`: a full now, before all scheduled ones; shows the running one if there is one. */
export async function backupCommand(name: string, options: BackupOptions, startLocal: StartLocal): Promise<number> {
  const session = await openSession(options, startLocal);
  try {
    const basepath = await findOrScan(session, name);
    const topdir = session.config.topdirs.find((candidate) => candidate.path === basepath.topdir);
    if (topdir !== undefined) await openGate(session.queues, topdir, new Date());
    const enqueued = await enqueueBackup(session.queues, requestFor(session, basepath, options), Date.now());
    // Without a service nobody would do it after we are gone.
    const ended = options.wait === true || session.local ? await waitFor(session, enqueued, options) : null;
    const output = outputOf(basepath, enqueued, ended);
    if (options.json === true) printJson(backupOutput, output);
    else print(sentence(basepath, output));
    return exitCode(output);
  } finally {
    await session.close();
  }
}

/** A directory nobody has scanned yet is scanned for now. */
async function findOrScan(session: Session, name: string): Promise<NamedBasepath> {
  try {
    return await resolveBasepath(session, name);
  } catch (thrown) {
    if (!(thrown instanceof BwError) || thrown.code !== 'BASEPATH_UNKNOWN') throw thrown;
  }
  const path = bytePath.fromText(resolve(name));
  const topdir = session.config.topdirs.find((candidate) => isBasepathOf(candidate, path));
  if (topdir === undefined) throw unknownBasepath(name);
  const registry = await readBasepaths(session.catalog.journalDir, (problem) => { session.logger.warn({ problem }, 'journal line not usable'); });
  const journal = await openJournal(session.catalog.journalDir, writerName(session.config.host, process.pid));
  const found = await scanTopdir({ registry, journal }, topdir);
  await journal.close();
  const match = found.find(({ record }) => record.path === path);
  if (match === undefined) throw unknownBasepath(name);
  return match.record;
}

function isBasepathOf(topdir: TopdirConfig, path: BytePath): boolean {
  try {
    relativeToTopdir(topdir, path);
    return true;
  } catch {
    return false;
  }
}

function requestFor(session: Session, basepath: NamedBasepath, options: BackupOptions): Parameters<typeof enqueueBackup>[1] {
  return {
    basepathId: basepath.basepathId,
    topdir: basepath.topdir,
    path: basepath.path,
    level: 'full',
    priorityClass: 'manual-full',
    policyHash: session.config.policyHash,
    reason: 'asked for by an operator',
    acceptSource: options.acceptSource === true,
  };
}

async function waitFor(session: Session, enqueued: Enqueued, options: BackupOptions): Promise<Ended> {
  const progress = showProgress(session.runs, options);
  let ended: Ended | null = null;
  try {
    await watchJobs(session.queues, workerConnection(session.config), new Set([enqueued.jobId]), (each) => (ended = each));
  } finally {
    await progress.stop();
  }
  return ended ?? { jobId: enqueued.jobId, state: 'failed', reason: 'JOB_GONE: the job vanished', returnValue: null };
}

function outputOf(basepath: NamedBasepath, enqueued: Enqueued, ended: Ended | null): Output {
  const outcome = (ended?.returnValue as { outcome?: 'clean' | 'with-exceptions' } | null)?.outcome ?? null;
  const state = ended === null ? 'enqueued' : ended.state === 'completed' ? 'sealed' : 'failed';
  const { backupId, jobId, existing } = enqueued;
  return { v: 1, backupId, jobId, basepathId: basepath.basepathId, existing, state, outcome, error: ended?.reason ?? null };
}

function sentence(basepath: NamedBasepath, output: Output): string {
  const path = showPath(basepath.path);
  if (output.state === 'sealed') return `Backup ${output.backupId} of ${path} is sealed: ${output.outcome ?? 'unknown'}.`;
  if (output.state === 'failed') return `Backup ${output.backupId} of ${path} failed: ${output.error ?? 'unknown'}`;
  const how = output.existing ? 'is waiting or running already' : 'is enqueued';
  return `Backup ${output.backupId} of ${path} ${how}. Follow it with: bw-bkup status`;
}

function exitCode(output: Output): number {
  if (output.state === 'failed') return EXIT.failed;
  return output.outcome === 'with-exceptions' ? EXIT.exceptions : EXIT.ok;
}
