import { settles } from '../../shared/dead-letters/dead-letter.js';
import { keptForMs } from '../../shared/runs/kept.js';
import { orderStagingSweeps, orderSweeps } from '../../shared/runs/order-sweeps.js';
import type { Area, Decision } from '../../shared/reconcile/walk.js';
import type { Run } from '../../shared/runs/run-store.js';
import { attemptsOf, type AttemptOnRecord } from './journal-digest.js';
import { isOpen, type ReconcileParts } from './parts.js';
import { isSweepPending, newSweep } from './sweeps.js';

export interface WorkFacts {
  readonly backupId: string;
  readonly nowMs: number;
  /** Last sign of life, ms since the epoch. */
  readonly changedMs: number;
  readonly run: Run | null;
  /** Null: the journal has never heard of it. Looked up only where Redis does not know it. */
  readonly attempt: AttemptOnRecord | null;
  readonly sweepIsPending: boolean;
}

export type WorkAct = { readonly act: 'record-lost'; readonly attempt: AttemptOnRecord } | { readonly act: 'sweep'; readonly basepathId: string } | { readonly act: 'remove' };

/** Who still works for a backup that Redis has lost is stopped long before; a seal that had begun is through, or never will be. */
const UNCHANGED_MS = 600_000;

/** Work that no attempt on record explains was made to bring a backup back from LTS, and cut off. */
const UNCLAIMED_MS = 86_400_000;

/** What the work directory of a backup says (pure). */
export function decideWork({ backupId, nowMs, changedMs, run, attempt, sweepIsPending }: WorkFacts): Decision<WorkAct>[] {
  const ageMs = nowMs - changedMs;
  if (isOpen(run) || keptForMs(run, nowMs) > 0 || ageMs <= UNCHANGED_MS || sweepIsPending) return [];
  const detail = `unchanged for ${Math.floor(ageMs / 60_000)} min`;
  if (run !== null) {
    const act: WorkAct = run.kind === 'backup' ? { act: 'sweep', basepathId: run.basepathId } : { act: 'remove' };
    return [{ kind: 'work-left', subject: `${run.kind} ${backupId}`, detail: `it is ${run.phase}, ${detail}`, act }];
  }
  if (attempt === null) return ageMs > UNCLAIMED_MS ? [{ kind: 'work-unexplained', subject: `work ${backupId}`, detail, act: { act: 'remove' } }] : [];
  if (!attempt.ended) return [{ kind: 'run-lost', subject: `backup ${backupId} of ${attempt.started.basepathId}`, detail, act: { act: 'record-lost', attempt } }];
  return [{ kind: 'work-left', subject: `backup ${backupId}`, detail: `it ended, ${detail}`, act: { act: 'sweep', basepathId: attempt.started.basepathId } }];
}

/** Work directories in the catalog, against runs and journal. */
export class WorkArea implements Area<WorkFacts, WorkAct> {
  #changed = new Map<string, number>();
  #attempts: ReadonlyMap<string, AttemptOnRecord> = new Map();

  constructor(private readonly parts: ReconcileParts) {}

  async *units(): AsyncGenerator<string> {
    this.#changed = await this.parts.catalog.workChanges();
    const ids = [...this.#changed.keys()];
    const runs = await this.parts.runs.readAll(ids);
    this.#attempts = await attemptsOf(this.parts.catalog.journalDir, new Set(ids.filter((id, index) => (runs[index] ?? null) === null && this.#ageMs(id) > UNCHANGED_MS)));
    yield* ids;
  }

  async observe(backupId: string, again: boolean): Promise<WorkFacts | null> {
    const changedMs = (again ? await this.parts.catalog.workChanges(backupId) : this.#changed).get(backupId);
    if (changedMs === undefined) return null;
    const run = await this.parts.runs.read(backupId);
    if (isOpen(run)) return null;
    const attempt = again ? ((await attemptsOf(this.parts.catalog.journalDir, new Set(run === null ? [backupId] : []))).get(backupId) ?? null) : (this.#attempts.get(backupId) ?? null);
    return { backupId, nowMs: this.parts.now().getTime(), changedMs, run, attempt, sweepIsPending: await isSweepPending(this.parts.queues, backupId, this.parts.now()) };
  }

  decide(facts: WorkFacts): Decision<WorkAct>[] {
    return decideWork(facts);
  }

  async act(act: WorkAct, backupId: string): Promise<void> {
    const { catalog, queues, runs } = this.parts;
    await catalog.assertThere();
    if (act.act === 'remove') {
      await orderStagingSweeps(queues, runs, { id: backupId, basepathId: 'none' }, newSweep(this.parts.now()));
      return catalog.removeWork(backupId);
    }
    if (act.act === 'record-lost') await this.#recordLost(act.attempt, this.#changed.get(backupId) ?? 0);
    const basepathId = act.act === 'sweep' ? act.basepathId : act.attempt.started.basepathId;
    await orderSweeps(queues, runs, { backupId, basepathId }, newSweep(this.parts.now()));
  }

  /** It ended when it was last seen. Records count in their order: of one that a later backup has made good a failure would come after that success, and alert somebody. */
  async #recordLost({ started }: AttemptOnRecord, lastSeenMs: number): Promise<void> {
    const { backupId, basepathId, level, at } = started;
    const error = { code: 'JOB_GONE', message: 'Redis lost the backup while it was running' };
    const outcome: 'failed' | 'interrupted' = (await this.#isMadeGood(started, lastSeenMs)) ? 'interrupted' : 'failed';
    const end = { outcome, error, startedAt: at, endedAt: new Date(lastSeenMs).toISOString(), bytes: '0', files: 0 };
    await this.parts.journal.append({ kind: 'attempt-ended', backupId, basepathId, level, ...end });
  }

  async #isMadeGood({ basepathId, level }: AttemptOnRecord['started'], lastSeenMs: number): Promise<boolean> {
    for await (const listed of this.parts.catalog.listBackups({ basepathId })) {
      if (!listed.ok || Date.parse(listed.manifest.sealedAt) <= lastSeenMs) continue;
      if (settles(listed.manifest.level, basepathId, { kind: 'backup', basepathId, level })) return true;
    }
    return false;
  }

  #ageMs(backupId: string): number {
    return this.parts.now().getTime() - (this.#changed.get(backupId) ?? 0);
  }
}
