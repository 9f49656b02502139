import type { Job } from 'bullmq';
import type { Area, Decision } from '../../shared/reconcile/walk.js';
import type { TransferBackend } from '../../shared/transfer/backend.js';
import { isOpen, type ReconcileParts } from './parts.js';
import { finishSeal } from './finish-seal.js';
import type { SiteKeys } from './site-keys.js';

export interface QueuedJob {
  readonly queue: string;
  readonly jobId: string;
  readonly name: string;
  readonly runId: string;
  readonly basepathId: string;
  readonly failedReason: string | null;
  /** Null: not on record. */
  readonly phase: string | null;
}

export type QueueAct = { readonly act: 'remove' } | { readonly act: 'retry'; readonly basepathId: string; readonly backupId: string; readonly sealIsUnfinished: boolean };

/** Read of a list per round trip. */
const PAGE = 500;
const STATES = ['prioritized', 'waiting', 'delayed', 'failed'] as const;
/** Jobs that only make sense while their run goes on. */
const OF_RUNNING = new Set(['send', 'release', 'backup', 'shard', 'restore-archive']);
const SWEEPS = new Set(['sweep-backup', 'sweep-staging']);

/** What a job of a host's own queues, or one that waits for others, says (pure). Those that run are not looked at. */
export function decideJob({ queue, jobId, name, runId, basepathId, failedReason, phase }: QueuedJob): Decision<QueueAct>[] {
  if (failedReason !== null) {
    if (!SWEEPS.has(name)) return [];
    const [detail = ''] = failedReason.split('\n', 1);
    const act: QueueAct = { act: 'retry', basepathId, backupId: runId, sealIsUnfinished: detail.startsWith('SEAL_UNFINISHED') };
    return [{ kind: 'sweep-failed', subject: `${queue}:${jobId}`, detail, act }];
  }
  if (!OF_RUNNING.has(name) || isOpen(phase === null ? null : { phase })) return [];
  return [{ kind: 'job-without-run', subject: `${queue}:${jobId}`, detail: `its run ${runId} is ${phase ?? 'not on record'}`, act: { act: 'remove' } }];
}

/** Jobs of the queues of hosts, sweeps that failed, and backups that wait for children: nobody looks at these when a host is gone, or a run. */
export class QueueArea implements Area<QueuedJob, QueueAct> {
  constructor(
    private readonly parts: ReconcileParts,
    private readonly backends: readonly TransferBackend[],
    private readonly keys: SiteKeys,
  ) {}

  /** `QUEUE ID`; all of them before any is changed: what is taken out of a list that is read page by page makes others be skipped. */
  async *units(): AsyncGenerator<string> {
    const { queues } = this.parts;
    const names = [...this.keys.hosts.flatMap((host) => [queues.transfer(host), queues.cleanupOf(host)]), queues.cleanup];
    const found: string[] = [];
    for (const queue of names) for (const state of STATES) found.push(...(await idsIn((from, to) => queue.getJobs([state], from, to)))
      .map((jobId) => `${queue.name} ${jobId}`));
    found.push(...(await idsIn((from, to) => queues.backup.getJobs(['waiting-children'], from, to))).map((jobId) => `${queues.backup.name} ${jobId}`));
    yield* found;
  }

  async observe(unit: string): Promise<QueuedJob | null> {
    const [queue = '', jobId = ''] = unit.split(' ');
    const job = await this.parts.queues.named(queue).getJob(jobId);
    if (job === undefined || (await job.isActive()) || (await job.isCompleted())) return null;
    const { backupId, restoreId, verifyId, basepathId } = job.data as { backupId?: string; restoreId?: string; verifyId?: string; basepathId?: string };
    const runId = verifyId ?? restoreId ?? backupId;
    if (runId === undefined) return null;
    const phase = (await this.parts.runs.read(runId))?.phase ?? null;
    const failedReason = (await job.isFailed()) ? job.failedReason : null;
    return { queue, jobId, name: job.name, runId, basepathId: basepathId ?? '', failedReason, phase };
  }

  decide(job: QueuedJob): Decision<QueueAct>[] {
    return decideJob(job);
  }

  async act(act: QueueAct, unit: string): Promise<void> {
    const [queue = '', jobId = ''] = unit.split(' ');
    const job = await this.parts.queues.named(queue).getJob(jobId);
    if (job === undefined) return;
    if (act.act === 'remove') return job.remove();
    await this.parts.catalog.assertThere();
    if (act.sealIsUnfinished) await finishSeal(this.parts, this.backends, act.basepathId, act.backupId);
    await job.retry('failed', { resetAttemptsMade: true });
  }
}

async function idsIn(read: (from: number, to: number) => Promise<readonly (Job | undefined)[]>): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; ; at += PAGE) {
    const jobs = await read(at, at + PAGE - 1);
    ids.push(...jobs.flatMap((job) => (job?.id === undefined ? [] : [job.id])));
    if (jobs.length < PAGE) return ids;
  }
}
