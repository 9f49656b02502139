import type { z } from 'zod';
import type { DeadLetter } from '../../../shared/dead-letters/dead-letter.js';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { stopKeeping } from '../../../shared/runs/kept.js';
import { enqueueNow } from '../backup-command.js';
import { resolveBasepath } from '../find-basepath.js';
import { plural, print, printJson } from '../print.js';
import { byOperator, record } from '../removal/operator.js';
import { openSession, type Session, type StartLocal } from '../session.js';
import { openSite, type CommonOptions } from '../site.js';
import { catchStop } from '../stop-signal.js';
import { waitForJob } from '../wait-for-job.js';
import { deadDismissOutput, deadRetryOutput } from './outputs.js';
import { chosenLetters, type Selection } from './select-letters.js';

type Output = z.infer<typeof deadRetryOutput>;
type Tried = { readonly jobId: string } & Output['retried'][number];

/** `bw-bkup dead retry ID... | --reason CODE | --topdir DIR`: a new backup for each, at its level; its letter goes. */
export async function deadRetryCommand(names: readonly string[], options: CommonOptions & Selection, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const session = await openSession(site, options, startLocal);
  const stop = catchStop(() => undefined);
  try {
    const letters = new DeadLetters(session.queues);
    const tried: Tried[] = [];
    const skipped: Output['skipped'] = [];
    for (const letter of await chosenLetters(letters, names, options)) {
      const result = await retry(session, letters, letter, stop.signal);
      if (typeof result === 'string') skipped.push({ runId: letter.runId, reason: result });
      else tried.push(result);
    }
    const failed = session.local ? await waitForAll(session, tried, options, stop.signal) : 0;
    report(options, tried, skipped);
    return stop.signal.aborted ? stop.exitCode() : skipped.length > 0 || failed > 0 ? EXIT.failed : EXIT.ok;
  } finally {
    await session.close(stop.signal);
  }
}

/** What was enqueued, or why nothing was. */
async function retry(session: Session, letters: DeadLetters, letter: DeadLetter, signal: AbortSignal): Promise<Tried | string> {
  if (letter.kind === 'restore' || letter.level === 'restore') return 'a restore is started again by its own command';
  try {
    const basepath = await resolveBasepath(session, letter.basepathId);
    const { backupId, jobId, existing } = await enqueueNow(session, basepath, { level: letter.level }, signal);
    await letters.remove([letter.runId]);
    return { runId: letter.runId, backupId, jobId, existing };
  } catch (thrown) {
    if (thrown instanceof BwError) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
}

/** Nobody else would do them. Returns how many failed. */
async function waitForAll(session: Session, tried: readonly Tried[], options: CommonOptions, signal: AbortSignal): Promise<number> {
  let failed = 0;
  for (const { jobId } of tried) if ((await waitForJob(session, jobId, options, signal))?.state === 'failed') failed++;
  return failed;
}

function report(options: CommonOptions, tried: readonly Tried[], skipped: Output['skipped']): void {
  const retried = tried.map(({ runId, backupId, existing }) => ({ runId, backupId, existing }));
  if (options.json === true) printJson(deadRetryOutput, { v: 1, retried, skipped: [...skipped] });
  else {
    for (const { runId, backupId, existing } of retried) print(`${runId}: ${existing ? 'waits or runs already as' : 'again as'} backup ${backupId}`);
    for (const { runId, reason } of skipped) print(`${runId}: not tried again: ${reason}`);
    print(`${plural(retried.length, 'backup')} tried again, ${plural(skipped.length, 'letter')} left.`);
  }
}

/** `bw-bkup dead dismiss ID... | --reason CODE | --topdir DIR [--because TEXT]`: no alarm any more, nothing is kept; the journal knows who said so. */
export async function deadDismissCommand(names: readonly string[], options: CommonOptions & Selection & { readonly because?: string }, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const session = await openSession(site, options, startLocal, 'redis');
  try {
    const letters = new DeadLetters(session.queues);
    const chosen = await chosenLetters(letters, names, options);
    await record(site, chosen.map(({ runId: backupId, basepathId }) => ({ kind: 'dismissed' as const, basepathId, backupId, reason: options.because ?? '', ...byOperator() })));
    await letters.remove(chosen.map(({ runId }) => runId));
    await stopKeeping(session.queues, session.runs, chosen.map(({ runId }) => runId));
    if (options.json === true) printJson(deadDismissOutput, { v: 1, dismissed: chosen.map(({ runId }) => runId) });
    else for (const { runId, path } of chosen) print(`Dismissed: ${runId} of ${showPath(fromPathJson(path))}. Its basepath is backed up as scheduled.`);
    return EXIT.ok;
  } finally {
    await session.close();
  }
}
