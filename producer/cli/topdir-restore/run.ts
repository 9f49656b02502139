import { EXIT } from '../../../shared/errors/exit-codes.js';
import { toBwError, BwError } from '../../../shared/errors/bw-error.js';
import type { RecordOf } from '../../../shared/journal/index.js';
import { BEAT_MS, SILENT_MS, TopdirRestores, type SeenTopdirRestore, type TopdirRestore } from '../../../shared/topdir-restore/store.js';
import { byOperator, operatorName, record } from '../removal/operator.js';
import type { Session } from '../session.js';
import type { CommonOptions } from '../site.js';
import type { StopSignal } from '../stop-signal.js';
import { cancelRestores } from './cancel.js';
import { driveRestore } from './drive.js';
import { decider } from './earlier.js';
import { resumeCommand } from './options.js';
import type { TopdirBasepathRow } from './outputs.js';
import { isLeft, showJson, showPeople, type Shown } from './show.js';
import { Tally } from './tally.js';
import { targetOf, type TopdirWork } from './work.js';

/** Does it, or goes on with it, until all is done or it is stopped. Returns the exit code. Throws RESTORE_RUNNING where somebody else does it. */
export async function runTopdirRestore(session: Session, work: TopdirWork, options: CommonOptions, stop: StopSignal): Promise<number> {
  const store = new TopdirRestores(session.queues.redis);
  const tally = new Tally(work.basepaths, performance.now());
  const previous = await store.read(work.id);
  const startedAt = new Date().toISOString();
  const state = (): TopdirRestore => stateOf(session, work, tally, startedAt);
  await claim(store, state(), previous);
  await recordBegin(session, work);
  const subject = { topdirRestoreId: work.id, topdir: work.request.topdir, target: work.request.target, asOf: new Date(work.atMs).toISOString(), resume: resumeCommand(work.request) };
  const shown = options.json === true ? showJson(subject) : showPeople(subject);
  const halt = new Halt(stop.signal, session.local);
  const watch = new Watch({ session, store, tally, state, shown, halt });
  try {
    for (const row of withoutBackup(work)) tally.end(row);
    shown.begun(tally.totals(performance.now()), tally.rows.slice());
    watch.start();
    await driveRestore({
      session,
      tally,
      concurrency: work.request.concurrency,
      stop: halt.begin.signal,
      leave: halt.leave.signal,
      decide: await decider(session, work.request.target, work.since, previous),
      targetOf: (basepath) => targetOf(work.request, basepath),
      beforeOrder: () => watch.beat(),
      onEnded: (row) => { shown.ended(row, tally.totals(performance.now())); },
    });
  } finally {
    await watch.stop();
  }
  const totals = tally.totals(performance.now());
  if (halt.why !== 'taken') {
    await recordEnd(session, work, tally, startedAt);
    // What still runs is known from there to whoever goes on.
    const ended = session.local || tally.running.size === 0 ? store.remove(work.id) : store.release(state());
    await ended.catch((thrown: unknown) => { session.logger.warn({ err: toBwError(thrown) }, 'end of the restore not noted in Redis'); });
  }
  shown.finished(tally.rows, totals, halt.said);
  return exitCode(tally, stop, halt);
}

/** Who else does it has at most SILENT_MS to be heard. */
async function claim(store: TopdirRestores, state: TopdirRestore, previous: SeenTopdirRestore | null): Promise<void> {
  const dead = previous !== null && previous.host === state.host && !isAlive(previous.pid);
  if (await store.claim(state, dead)) return;
  throw new BwError('RESTORE_RUNNING', {
    message: `somebody does this restore already: ${previous?.user ?? 'a user'} on ${previous?.host ?? 'another host'} (process ${previous?.pid ?? '?'})`,
    subject: `restore ${state.id}`,
    retry: 'permanent',
    hint: `Follow it with \`bw-bkup status\`. If that process is dead, try again in ${SILENT_MS / 1000} seconds.`,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Why it stops before its end, and how soon. */
class Halt {
  /** Nothing new is begun. */
  readonly begin = new AbortController();
  /** What runs is not waited for. */
  readonly leave = new AbortController();
  why: 'signal' | 'cancelled' | 'taken' | null = null;
  said: string | null = null;

  constructor(signal: AbortSignal, local: boolean) {
    const onSignal = (): void => { this.stop('signal', local ? 'Stopped.' : 'Stopped: nothing more is begun, what runs goes on by itself.', true); };
    if (signal.aborted) onSignal();
    else signal.addEventListener('abort', onSignal, { once: true });
  }

  stop(why: 'signal' | 'cancelled' | 'taken', said: string, atOnce: boolean): void {
    if (this.why === null) {
      this.why = why;
      this.said = said;
    }
    this.begin.abort();
    if (atOnce) this.leave.abort();
  }
}

interface Watched {
  readonly session: Session;
  readonly store: TopdirRestores;
  readonly tally: Tally;
  readonly state: () => TopdirRestore;
  readonly shown: Shown;
  readonly halt: Halt;
}

/** Looks how far what runs is, tells it, and learns whether somebody cancelled. */
class Watch {
  #timers: NodeJS.Timeout[] = [];
  #last: Promise<void> = Promise.resolve();
  #cancelling: Promise<unknown> | null = null;

  constructor(private readonly of: Watched) {}

  start(): void {
    const { session, tally, shown, halt } = this.of;
    const every = (ms: number, act: () => Promise<void>): void => {
      // Redis is away for a moment: the next look says more.
      this.#timers.push(setInterval(() => { this.#last = this.#last.then(act).catch(() => undefined); }, ms));
    };
    every(shown.everyMs, async () => {
      tally.shares = await sharesOf(session, tally.running);
      shown.progress(tally.totals(performance.now()));
    });
    every(BEAT_MS, () => this.beat());
    if (session.local) halt.leave.signal.addEventListener('abort', () => void this.#endLocal(), { once: true });
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#last;
    await this.#cancelling;
  }

  async beat(): Promise<void> {
    const { store, state, halt, session } = this.of;
    const { is, by } = await store.beat(state());
    if (is === 'taken') halt.stop('taken', `Somebody else goes on with it (${by}).`, true);
    if (is !== 'cancelled' || halt.why === 'cancelled') return;
    halt.stop('cancelled', `Cancelled by ${by}.`, false);
    await cancelRestores(session, state(), `cancelled by ${by}`);
  }

  /** Nobody else works here: left in the queue, they would go on whenever the next command starts a worker. */
  #endLocal(): Promise<unknown> {
    const { session, tally } = this.of;
    const running = Object.fromEntries(tally.running);
    this.#cancelling ??= session.stopWork().then(() => cancelRestores(session, { running }, `stopped by ${operatorName() ?? 'its operator'}`));
    return this.#cancelling;
  }
}

async function sharesOf({ runs }: Session, running: ReadonlyMap<string, string>): Promise<{ basepathId: string; share: number }[]> {
  const shares = [...running].map(async ([basepathId, restoreId]) => {
    const [run, progress] = [await runs.read(restoreId), await runs.progress(restoreId)];
    const all = Number(run?.bytes ?? 0);
    return { basepathId, share: all === 0 || run?.step === 0 ? 0 : Math.min(1, progress.doneBytes / all) };
  });
  return Promise.all(shares);
}

function stateOf({ config }: Session, { id, request, atMs }: TopdirWork, tally: Tally, startedAt: string): TopdirRestore {
  const { restored, withExceptions, failed, withoutBackup: without, basepaths, sourceBytes, doneBytes, bytesPerSecond, etaMs } = tally.totals(performance.now());
  return {
    id,
    topdir: request.topdir,
    target: request.target,
    asOf: new Date(atMs).toISOString(),
    host: config.host,
    pid: process.pid,
    user: operatorName() ?? null,
    startedAt,
    basepaths,
    done: restored,
    exceptions: withExceptions,
    failed,
    withoutBackup: without,
    sourceBytes,
    doneBytes,
    bytesPerSecond,
    etaMs,
    running: Object.fromEntries(tally.running),
  };
}

function withoutBackup({ basepaths }: TopdirWork): TopdirBasepathRow[] {
  const nothing = { backupId: null, capturedAt: null, restoreId: null, outcome: null, archiveBytes: 0, problemCount: 0, error: null };
  return basepaths.filter(({ backup }) => backup === null).map(({ basepathId, name }) => ({ basepathId, name, state: 'without-backup' as const, ...nothing }));
}

async function recordBegin(session: Session, { id, request, atMs, basepaths }: TopdirWork): Promise<void> {
  const { topdir, target } = request;
  await record(session, [{ kind: 'topdir-restore-begun', topdirRestoreId: id, topdir, target, asOf: new Date(atMs).toISOString(), basepaths: basepaths.length, ...byOperator() }]);
}

async function recordEnd(session: Session, { id, request: { topdir, target } }: TopdirWork, tally: Tally, startedAt: string): Promise<void> {
  const { restored, failed, withExceptions, withoutBackup: without } = tally.totals(performance.now());
  const unfinished = tally.rows.some(({ state }) => state === 'unfinished');
  const outcome: RecordOf<'topdir-restore-ended'>['outcome'] = unfinished ? 'interrupted' : failed > 0 ? 'failed' : withExceptions > 0 ? 'with-exceptions' : 'clean';
  await record(session, [{ kind: 'topdir-restore-ended', topdirRestoreId: id, topdir, target, outcome, restored, failed, withoutBackup: without, startedAt, endedAt: new Date().toISOString() }]);
}

function exitCode(tally: Tally, stop: StopSignal, { why }: Halt): number {
  if (stop.signal.aborted) return stop.exitCode();
  if (why !== null || isLeft(tally.rows)) return EXIT.failed;
  return tally.rows.some(({ state, outcome }) => state === 'without-backup' || outcome === 'with-exceptions') ? EXIT.exceptions : EXIT.ok;
}
