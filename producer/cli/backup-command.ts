import { resolve } from 'node:path';
import type { z } from 'zod';
import { readBasepaths } from '../../shared/basepaths/index.js';
import type { TopdirConfig } from '../../shared/config/config.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { openJournal, writerName } from '../../shared/journal/index.js';
import { relativeToTopdir } from '../../shared/paths/basepath-root.js';
import { bytePath, showPath, type BytePath } from '../../shared/paths/byte-path.js';
import { enqueueBackup, type Enqueued } from '../scheduler/enqueue.js';
import { closeGates, throughGate } from '../scheduler/hook-gate.js';
import { scanTopdir } from '../scheduler/tick.js';
import type { Ended } from '../scheduler/watch-jobs.js';
import { resolveBasepath, unknownBasepath, type NamedBasepath } from './find-basepath.js';
import { jobExitCode } from './job-exit-code.js';
import { backupOutput } from './outputs.js';
import { print, printJson, say } from './print.js';
import { openSession, type Session, type StartLocal } from './session.js';
import { openSite, type CommonOptions, type Site } from './site.js';
import { catchStop, type StopSignal } from './stop-signal.js';
import { waitForJob } from './wait-for-job.js';

export interface BackupOptions extends CommonOptions {
  readonly wait?: boolean;
  readonly acceptSource?: boolean;
}

type Output = z.infer<typeof backupOutput>;

/** `bw-bkup backup BASEPATH [--wait]`: a full now, before all scheduled ones; shows the running one if there is one. */
export async function backupCommand(name: string, options: BackupOptions, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const basepath = await findOrScan(site, name);
  const session = await openSession(site, options, startLocal);
  const stop = catchStop(() => { if (session.local) say('Stopping: what is being worked on is given back.'); });
  try {
    return await backUp(session, basepath, options, stop);
  } finally {
    await session.close(stop.signal);
  }
}

async function backUp(session: Session, basepath: NamedBasepath, options: BackupOptions, stop: StopSignal): Promise<number> {
  const enqueued = await enqueue(session, basepath, options, stop.signal);
  // Without a service nobody would do it after we are gone.
  const waits = options.wait === true || session.local;
  if (waits && enqueued.existing) say(`Backup ${enqueued.backupId} of ${showPath(basepath.path)} is waiting or running already: waiting for it.`);
  const ended = waits ? await waitForJob(session, enqueued.jobId, options, stop.signal) : null;
  const output = outputOf(basepath, enqueued, ended);
  if (options.json === true) printJson(backupOutput, output);
  else print(sentence(basepath, output, session.local));
  if (stop.signal.aborted) return stop.exitCode();
  if (session.local) await runAfterHooks(session);
  return exitCode(output);
}

/** A directory nobody has scanned yet is scanned for now. */
async function findOrScan(site: Site, name: string): Promise<NamedBasepath> {
  try {
    return await resolveBasepath(site, name);
  } catch (thrown) {
    if (!(thrown instanceof BwError) || thrown.code !== 'BASEPATH_UNKNOWN') throw thrown;
    const path = bytePath.fromText(resolve(name));
    const topdir = site.config.topdirs.find((candidate) => isBasepathOf(candidate, path));
    const found = topdir === undefined ? undefined : await scanFor(site, topdir, path);
    if (found === undefined) throw thrown;
    return found;
  }
}

async function scanFor(site: Site, topdir: TopdirConfig, path: BytePath): Promise<NamedBasepath | undefined> {
  const { journalDir } = site.catalog;
  const registry = await readBasepaths(journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const journal = await openJournal(journalDir, writerName(site.config.host, process.pid));
  try {
    const found = await scanTopdir({ registry, journal }, topdir);
    return found.find(({ record }) => record.path === path)?.record;
  } finally {
    await journal.close();
  }
}

function isBasepathOf(topdir: TopdirConfig, path: BytePath): boolean {
  try {
    relativeToTopdir(topdir, path);
    return true;
  } catch {
    return false;
  }
}

async function enqueue(session: Session, basepath: NamedBasepath, options: BackupOptions, signal: AbortSignal): Promise<Enqueued> {
  const { basepathId } = basepath;
  const topdir = session.config.topdirs.find((candidate) => candidate.path === basepath.topdir);
  if (topdir === undefined) throw unknownBasepath(showPath(basepath.path), `Its topdir ${basepath.topdir} is not configured any more.`);
  const request = {
    basepathId,
    topdir: basepath.topdir,
    path: basepath.path,
    level: 'full' as const,
    priorityClass: 'manual-full' as const,
    policyHash: session.config.policyHash,
    reason: 'asked for by an operator',
    acceptSource: options.acceptSource === true,
  };
  const gate = { topdir, basepathIds: [basepathId], now: new Date(), signal };
  return throughGate(session.queues, gate, () => enqueueBackup(session.queues, request, Date.now()));
}

/** A producer does this by itself; without one nobody would. */
async function runAfterHooks(session: Session): Promise<void> {
  for (const { error } of await closeGates(session.config, session.queues)) if (error !== null) throw error;
}

function outputOf(basepath: NamedBasepath, enqueued: Enqueued, ended: Ended | null): Output {
  const outcome = (ended?.returnValue as { outcome?: 'clean' | 'with-exceptions' } | null)?.outcome ?? null;
  const state = ended === null ? 'enqueued' : ended.state === 'completed' ? 'sealed' : 'failed';
  const { backupId, jobId, existing } = enqueued;
  return { v: 1, backupId, jobId, basepathId: basepath.basepathId, existing, state, outcome, error: ended?.reason ?? null };
}

function sentence(basepath: NamedBasepath, output: Output, local: boolean): string {
  const path = showPath(basepath.path);
  if (output.state === 'sealed') return `Backup ${output.backupId} of ${path} is sealed: ${output.outcome ?? 'unknown'}.`;
  if (output.state === 'failed') return `Backup ${output.backupId} of ${path} failed: ${output.error ?? 'unknown'}`;
  if (local) return `Backup ${output.backupId} of ${path} is not done. It goes on when you call this again, or with: bw-bkup standalone`;
  const how = output.existing ? 'is waiting or running already' : 'is enqueued';
  return `Backup ${output.backupId} of ${path} ${how}. Follow it with: bw-bkup status`;
}

function exitCode(output: Output): number {
  if (output.state === 'failed') return jobExitCode(output.error);
  return output.outcome === 'with-exceptions' ? EXIT.exceptions : EXIT.ok;
}
