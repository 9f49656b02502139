import type { Job } from 'bullmq';
import { readBasepaths } from '../../shared/basepaths/index.js';
import type { Manifest } from '../../shared/catalog/index.js';
import { toBwError } from '../../shared/errors/bw-error.js';
import { readJournal } from '../../shared/journal/index.js';
import { PREFIX, QUEUES, RUNS_KEY, runKey } from '../../shared/queues/names.js';
import { failRun, finishFailed, parseFailedReason } from '../../shared/runs/fail-run.js';
import { orderKitRefresh } from '../../shared/runs/order-kit.js';
import { orderSweeps } from '../../shared/runs/order-sweeps.js';
import { sealedRecords, settleSealed } from '../../shared/runs/record-sealed.js';
import { rootReason } from '../../shared/runs/root-reason.js';
import { redoShard } from '../../shared/runs/redo-shards.js';
import type { Run } from '../../shared/runs/run-store.js';
import type { Area, Decision } from '../../shared/reconcile/walk.js';
import { inFlightId } from '../scheduler/enqueue.js';
import { decideRun, type JobState, type RunAct, type RunFacts } from './decide-run.js';
import { stateOf } from './job-states.js';
import { lookAtWaiting } from './look-at-waiting.js';
import { isOpen, type ReconcileParts } from './parts.js';
import { addShard, putItems, releaseDependency, requeue, REQUEUES_FIELD, sendBatch } from './requeue.js';

/**
 * Runs that have not ended, against the queue. `closely`: also what those that are being saved wait for, which reads what their shards left in the
 * work directory.
 */
export class RunArea implements Area<RunFacts, RunAct> {
  #topdirs: Promise<ReadonlyMap<string, string>> | null = null;

  constructor(
    private readonly parts: ReconcileParts,
    private readonly closely: boolean,
  ) {}

  async *units(): AsyncGenerator<string> {
    yield* await this.parts.runs.redis.smembers(RUNS_KEY);
  }

  async observe(id: string): Promise<RunFacts> {
    const { runs, queues } = this.parts;
    const run = await runs.read(id);
    const endedForMs = run === null || run.endedAt === null ? 0 : this.parts.now().getTime() - Date.parse(run.endedAt);
    const nothing = { id, run, endedForMs, failed: null, isSealed: false, requeues: 0, place: null, topdir: null, waits: null };
    if (run === null || !isOpen(run)) return { ...nothing, job: 'gone' };
    const queue = run.kind === 'verify' ? queues.cleanup : run.kind === 'copy' ? queues.copies : queues.backup;
    const job = await queue.getJob(run.jobId);
    const state = await stateOf(job);
    if (run.kind !== 'backup') return { ...nothing, job: state, failed: await this.#failure(job, state) };
    if (state === 'waiting-children') return { ...nothing, job: state, waits: this.closely && run.phase === 'saving' && job !== undefined ? await lookAtWaiting(this.parts, run, job) : null };
    if (!['gone', 'unknown', 'failed', 'completed'].includes(state)) return { ...nothing, job: state };
    return { ...nothing, job: state, ...(await this.#ended(run, job, state)) };
  }

  decide(facts: RunFacts): Decision<RunAct>[] {
    return decideRun(facts);
  }

  async act(act: RunAct, id: string): Promise<void> {
    const { parts } = this;
    if (act.act === 'forget') {
      // Also so that what Redis has of it ends by itself; of a mere id nothing is there.
      await parts.runs.end(id, {});
      return;
    }
    // A catalog that is not mounted at this moment must not make a sealed backup look lost.
    await parts.catalog.assertThere();
    if (act.act === 'fail') {
      await failRun(parts, id, act.error);
      return;
    }
    const run = await parts.runs.read(id);
    if (act.act === 'finish-failed') {
      if (run?.phase === 'failed') await finishFailed(parts, run, parseFailedReason(run.error ?? ''), await this.#isTold(run, ['attempt-ended', 'restore-ended']));
      return;
    }
    if (run === null || !isOpen(run)) return;
    switch (act.act) {
      case 'requeue':
        return requeue(parts, run, (await this.#topdirOf(run)) ?? '');
      case 'record-seal':
        return this.#recordSeal(run);
      case 'add-shard':
        return addShard(parts, run, act.shard);
      case 'redo-shard':
        await redoShard(parts, id, act.shard);
        return;
      case 'put-items':
        return putItems(parts, run, act.batch);
      case 'send':
        return sendBatch(parts, run, act.batch);
      case 'resend':
        return releaseDependency(parts, run, act.host, act.jobId);
      case 'wake':
        return releaseDependency(parts, run, parts.config.host, `send.wake-${run.id}`);
    }
  }

  async #ended(run: Run, job: Job | undefined, state: JobState): Promise<Pick<RunFacts, 'failed' | 'isSealed' | 'requeues' | 'place' | 'topdir'>> {
    const { redis } = this.parts.queues;
    const [requeues, place] = await Promise.all([redis.hget(runKey(run.id), REQUEUES_FIELD), this.#placeOf(run)]);
    return { failed: await this.#failure(job, state), isSealed: (await this.#manifestOf(run)) !== null, requeues: Number(requeues), place, topdir: await this.#topdirOf(run) };
  }

  /** The job that has the basepath's place, if it is there. */
  async #placeOf({ level, basepathId }: Run): Promise<string | null> {
    const { redis, backup } = this.parts.queues;
    const jobId = await redis.get(`${PREFIX}:${QUEUES.backup}:de:${inFlightId(level === 'full' ? 'full' : 'incremental', basepathId)}`);
    return jobId === null || (await backup.getJob(jobId)) === undefined ? null : jobId;
  }

  async #failure(job: Job | undefined, state: JobState): Promise<RunFacts['failed']> {
    return state !== 'failed' || job === undefined ? null : parseFailedReason(await rootReason(this.parts.queues, job.failedReason));
  }

  async #manifestOf(run: Run): Promise<Manifest | null> {
    try {
      return await this.parts.catalog.readManifest(run.basepathId, run.id);
    } catch (thrown) {
      if (toBwError(thrown).code === 'MANIFEST_MISSING') return null;
      throw thrown;
    }
  }

  async #recordSeal(run: Run): Promise<void> {
    const { parts } = this;
    const manifest = await this.#manifestOf(run);
    if (manifest === null) return;
    if (!(await this.#isTold(run, ['sealed']))) await parts.journal.appendAll(sealedRecords(manifest));
    await settleSealed(parts, manifest, (error) => { parts.logger.warn({ err: error }, 'manifest not usable'); });
    await orderSweeps(parts.queues, parts.runs, { backupId: run.id, basepathId: run.basepathId });
    await orderKitRefresh(parts.queues);
  }

  /** Whether the journal has such a record of it. */
  async #isTold({ id, startedAt }: Run, kinds: readonly ('sealed' | 'attempt-ended' | 'restore-ended')[]): Promise<boolean> {
    let isTold = false;
    const records = readJournal(this.parts.catalog.journalDir, { kinds, sinceMs: Date.parse(startedAt), onProblem: () => undefined });
    for await (const record of records) isTold ||= (record.kind === 'restore-ended' ? record.restoreId : record.backupId) === id;
    return isTold;
  }

  /** Null: nobody would be allowed to read it. */
  async #topdirOf(run: Run): Promise<string | null> {
    this.#topdirs ??= readBasepaths(this.parts.catalog.journalDir, () => undefined).then((registry) => new Map([...registry.all()].map(({ basepathId, topdir }) => [basepathId, topdir])));
    const topdir = (await this.#topdirs).get(run.basepathId);
    return this.parts.config.topdirs.some(({ path }) => path === topdir) ? (topdir ?? null) : null;
  }
}
