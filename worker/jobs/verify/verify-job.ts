import { BwError } from '../../../shared/errors/bw-error.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { orderStagingSweeps } from '../../../shared/runs/order-sweeps.js';
import { parseJob, verifyJobSchema, type VerifyJob } from '../../../shared/queues/job-data.js';
import { METHOD_OF, verifyResultSchema, type VerifyResult } from '../../../shared/verify/result.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { Findings } from './findings.js';
import { openChain } from './open-chain.js';
import { restoreDrill } from './restore-drill.js';
import type { Verification } from './verification.js';
import { checkArchives, checkHashes, checkPresence } from './verify-objects.js';

/**
 * Looks whether a backup, with its chain, is what was sealed, as deep as the job says, and puts what it found on record. Damage is a result. A restart
 * begins anew. While it runs the backup is not removed; of one that was removed before nothing goes on record. Throws VERIFY_NO_ROOM, VERIFY_NOTHING_READABLE, and what keeps it from looking.
 */
export async function verifyJob(context: WorkerContext, run: JobRun): Promise<VerifyResult> {
  const job = parseJob(verifyJobSchema, run.job.data, run.job.id);
  const finished = await context.runs.result(job.verifyId);
  if (finished !== null) return end(context, job, verifyResultSchema.parse(JSON.parse(finished))); // that start died before its job was completed
  await begin(context, job, String(run.job.id));
  const findings = new Findings();
  const chain = await openChain(context, job, findings);
  if (chain === 'gone') return gone(context, run, job);
  try {
    if (chain.length > 0) await verify(verificationOf(context, run, job, chain, findings));
  } finally {
    await context.catalog.removeWork(job.verifyId); // a restart begins anew
  }
  const result = resultOf(job, chain.length, findings);
  await record(context, result);
  for (const problem of findings.problems) run.logger.error({ code: 'VERIFY_DAMAGED', problem }, 'verification found damage');
  await context.runs.noteResult(job.verifyId, JSON.stringify(result));
  return end(context, job, result);
}

/** Neither sound nor damaged: nothing goes on record, and the next round of the producer chooses anew. */
async function gone(context: WorkerContext, run: JobRun, job: VerifyJob): Promise<VerifyResult> {
  const result: VerifyResult = { ...resultOf(job, 0, new Findings()), outcome: 'gone' };
  run.logger.info({ backupId: job.backupId, basepathId: job.basepathId }, 'not verified: the backup was removed meanwhile');
  await context.runs.noteResult(job.verifyId, JSON.stringify(result));
  return end(context, job, result);
}

/** From here on its staging is swept: nothing is looked at any more. */
async function end({ runs, queues, now }: WorkerContext, { verifyId, basepathId }: VerifyJob, result: VerifyResult): Promise<VerifyResult> {
  await runs.end(verifyId, { phase: 'done', outcome: result.outcome, endedAt: now().toISOString() });
  await orderStagingSweeps(queues, runs, { id: verifyId, basepathId });
  return result;
}

async function verify(verification: Verification): Promise<void> {
  const { job, readable } = verification;
  await checkPresence(verification);
  if (job.level === 'manifest') return;
  if (readable.length === 0) throw nothingReadable(job);
  if (job.level === 'hash') await checkHashes(verification);
  if (job.level === 'dar') await checkArchives(verification);
  if (job.level === 'restore') await restoreDrill(verification);
}

/** On record before anything is staged, so that nobody takes it for rubbish, and before anything is read, so that nobody removes that. */
async function begin(context: WorkerContext, job: VerifyJob, jobId: string): Promise<void> {
  const { verifyId, basepathId, backupId: needs } = job;
  await context.staging.removeBackup(verifyId);
  await context.catalog.removeWork(verifyId);
  const nothing = { shards: 0, step: 0, records: 0, bytes: '0', error: null, outcome: null, endedAt: null, work: null };
  const startedAt = context.now().toISOString();
  await context.runs.create({ ...nothing, id: verifyId, kind: 'verify', basepathId, path: basepathId, level: 'verify', jobId, phase: 'saving', startedAt, needs });
  await context.runs.addHost(verifyId, context.config.host);
}

function verificationOf(context: WorkerContext, { signal }: JobRun, job: VerifyJob, chain: readonly Manifest[], findings: Findings): Verification {
  const tapes = new Set(context.config.lts.filter(({ tape }) => tape).map(({ name }) => name));
  const isTape = (lts: string): boolean => tapes.has(lts);
  // What is on disk is read before what is on tape.
  const readable = [...context.backends].sort((a, b) => Number(isTape(a.name)) - Number(isTape(b.name))).filter(({ name }) => job.recall || !isTape(name));
  const layers = chain.map((manifest) => ({ file: context.catalog.file(manifest, manifest.index), backupId: manifest.backupId }));
  return { context, job, chain, layers, findings, readable, reading: { ...context, backends: readable }, isTape, signal };
}

type Looked = VerifyResult & { readonly outcome: 'sound' | 'damaged' };

function resultOf(job: VerifyJob, backups: number, findings: Findings): Looked {
  const { verifyId, basepathId, backupId, level, samplePercent, seed } = job;
  const { objects, readObjects, readBytes, recalledObjects, recalledBytes, files, filesLikeSource, problemCount } = findings;
  const outcome = problemCount === 0 ? 'sound' : 'damaged';
  const counts = { backups, objects, readObjects, readBytes, recalledObjects, recalledBytes, files, filesLikeSource };
  return { verifyId, basepathId, backupId, level, outcome, samplePercent, seed, ...counts, problems: [...findings.problems], problemCount };
}

async function record(context: WorkerContext, result: Looked): Promise<void> {
  const { backupId, basepathId, level, outcome, samplePercent, seed, recalledObjects, problems } = result;
  const [first] = problems;
  const error = first === undefined ? null : { code: 'VERIFY_DAMAGED', message: `${first.where}: ${first.problem}${result.problemCount > 1 ? ` (and ${result.problemCount - 1} more)` : ''}` };
  const looked = { bytes: String(result.readBytes), files: level === 'restore' ? result.files : result.objects, recalledObjects, recalledBytes: String(result.recalledBytes) };
  await context.journal.append({ kind: 'verified', backupId, basepathId, method: METHOD_OF[level], outcome, error, samplePercent, seed, ...looked });
  context.metrics.verified({ level, outcome });
}

function nothingReadable(job: VerifyJob): BwError {
  return new BwError('VERIFY_NOTHING_READABLE', {
    message: 'every long-term storage is on tape, and nothing may be recalled',
    subject: `backup ${job.backupId}`,
    retry: 'permanent',
    hint: 'Allow it for this one with `bw-bkup verify BACKUP --recall`, or give verify.recallBytesPerDay for what is scheduled.',
  });
}
