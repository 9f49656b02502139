import { resolve } from 'node:path';
import type { z } from 'zod';
import { readBasepaths } from '../../shared/basepaths/index.js';
import type { TopdirConfig } from '../../shared/config/config.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { openJournal, writerName } from '../../shared/journal/index.js';
import { relativeToTopdir } from '../../shared/paths/basepath-root.js';
import { bytePath, showPath, type BytePath } from '../../shared/paths/byte-path.js';
import { refreshNewest } from '../../shared/runs/newest.js';
import { hasFull } from '../policy/basepath-now.js';
import { policyOf } from '../policy/basepath-policy.js';
import { chooseLevel, type Level, type LevelChoice } from '../policy/level.js';
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
  readonly level?: Level;
  readonly acceptSource?: boolean;
}

type Output = z.infer<typeof backupOutput>;
export type EnqueuedNow = Enqueued & { readonly level: Level };

/** `bw-bkup backup BASEPATH [--level LEVEL] [--wait]`: a backup now, before all scheduled ones of its kind; shows the running one if there is one. */
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
  const code = await reportBackup(session, basepath, await enqueueNow(session, basepath, options, stop.signal), options, stop);
  if (session.local && !stop.signal.aborted) await runAfterHooks(session);
  return code;
}

/** Waits for a backup where that was asked for, or nobody else would do it, and says what became of it. Returns the exit code. */
export async function reportBackup(session: Session, basepath: NamedBasepath, enqueued: EnqueuedNow, options: BackupOptions, stop: StopSignal): Promise<number> {
  // Without a service nobody would do it after we are gone.
  const waits = options.wait === true || session.local;
  if (waits && enqueued.existing) say(`Backup ${enqueued.backupId} of ${showPath(basepath.path)} is waiting or running already: waiting for it.`);
  const ended = waits ? await waitForJob(session, enqueued.jobId, options, stop.signal) : null;
  const output = outputOf(basepath, enqueued, ended);
  if (options.json === true) printJson(backupOutput, output);
  else print(sentence(basepath, output, session.local));
  return stop.signal.aborted ? stop.exitCode() : exitCode(output);
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

/** A backup by an operator's order, through the gate of its topdir's hooks. */
export async function enqueueNow(session: Session, basepath: NamedBasepath, options: Pick<BackupOptions, 'level' | 'acceptSource'>, signal: AbortSignal): Promise<EnqueuedNow> {
  const { basepathId } = basepath;
  const topdir = session.config.topdirs.find((candidate) => candidate.path === basepath.topdir);
  if (topdir === undefined) throw unknownBasepath(showPath(basepath.path), `Its topdir ${basepath.topdir} is not configured any more.`);
  const { level, reason } = await levelOf(session, basepath, topdir, options.level);
  const request = {
    basepathId,
    topdir: basepath.topdir,
    path: basepath.path,
    level,
    priorityClass: level === 'full' ? ('manual-full' as const) : ('overdue-incremental' as const),
    missed: MOST_MISSED,
    policyHash: session.config.policyHash,
    reason: `asked for by an operator: ${reason}`,
    acceptSource: options.acceptSource === true,
  };
  const gate = { topdir, basepathIds: [basepathId], signal };
  return throughGate(session.queues, gate, async () => ({ level, ...(await enqueueBackup(session.queues, request, Date.now())) }));
}

/** An incremental that a person waits for goes before all others: it has the priority of one that is overdue for long. */
const MOST_MISSED = 1_000;

/** As asked for, else what the schedule would make now. Throws PARENT_MISSING where there is no full to compare with. */
async function levelOf(session: Session, { basepathId, path }: NamedBasepath, topdir: TopdirConfig, asked: Level | undefined): Promise<LevelChoice> {
  const onProblem = (error: BwError): void => { session.logger.warn({ err: error }, 'manifest not usable'); };
  const facts = await refreshNewest(session.queues.redis, session.catalog, basepathId, onProblem);
  if (asked === undefined) return chooseLevel(facts, policyOf(topdir, path), Date.now());
  if (asked === 'full' || hasFull(facts)) return { level: asked, reason: `level ${asked}` };
  throw new BwError('PARENT_MISSING', {
    message: 'there is no sealed full backup to compare with',
    subject: showPath(path),
    retry: 'operator',
    hint: 'Leave --level away, or make a full: `bw-bkup backup BASEPATH --level full`.',
  });
}

/** A producer does this by itself; without one nobody would. */
async function runAfterHooks(session: Session): Promise<void> {
  for (const { error } of await closeGates(session.config, session.queues)) if (error !== null) throw error;
}

function outputOf(basepath: NamedBasepath, enqueued: EnqueuedNow, ended: Ended | null): Output {
  const outcome = (ended?.returnValue as { outcome?: 'clean' | 'with-exceptions' } | null)?.outcome ?? null;
  const state = ended === null ? 'enqueued' : ended.state === 'completed' ? 'sealed' : 'failed';
  const { backupId, jobId, existing, level } = enqueued;
  return { v: 1, backupId, jobId, basepathId: basepath.basepathId, level, existing, state, outcome, error: ended?.reason ?? null };
}

function sentence(basepath: NamedBasepath, output: Output, local: boolean): string {
  const path = showPath(basepath.path);
  if (output.state === 'sealed') return `Backup ${output.backupId} of ${path} is sealed: ${output.level}, ${output.outcome ?? 'unknown'}.`;
  if (output.state === 'failed') return `Backup ${output.backupId} of ${path} failed: ${output.error ?? 'unknown'}`;
  if (local) return `Backup ${output.backupId} of ${path} is not done. It goes on when you call this again, or with: bw-bkup standalone`;
  const how = output.existing ? 'is waiting or running already' : 'is enqueued';
  return `Backup ${output.backupId} of ${path} ${how}. Follow it with: bw-bkup status`;
}

function exitCode(output: Output): number {
  if (output.state === 'failed') return jobExitCode(output.error);
  return output.outcome === 'with-exceptions' ? EXIT.exceptions : EXIT.ok;
}
