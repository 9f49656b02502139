import { join } from 'node:path';
import { chainOf } from '../../../shared/catalog/chain.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { ExceptionLog, type ExceptionReason } from '../../../shared/index/exceptions.js';
import { formatRecord } from '../../../shared/index/format.js';
import { readRecordFile } from '../../../shared/index/line-file.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { readStateRecords, type StateLayer } from '../../../shared/index/state.js';
import { ByteSum } from '../../../shared/index/tally.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { claimBackup } from '../claim-backup.js';
import { planByState, type RestorePart } from '../restore/restore-plan.js';
import { METADATA_KEY } from '../shard/metadata-archive.js';
import { journalStart, markSaving } from './mark-saving.js';
import { writePlan, type PlanFile, type PlannedShard } from './plan-file.js';

/**
 * A full made of what the chain of a backup holds, archive by archive, through the lists of what lives: plain merging would bring deleted files back.
 * The source is not read. It has the capture time of that backup, whose children keep their parent. Throws CONSOLIDATE_GONE, CHAIN_BROKEN.
 */
export async function planConsolidation(context: WorkerContext, job: BackupJob, run: JobRun, backupId: string): Promise<Run> {
  const known = await context.catalog.backupsOf(job.basepathId, (error) => { context.logger.warn({ err: error }, 'manifest not usable'); });
  const target = known.get(backupId);
  if (target === undefined) throw gone(backupId);
  const chain = chainOf(target, known);
  await claimBackup(context, job.backupId, target);
  const layers = chain.map((manifest) => ({ file: context.catalog.file(manifest, manifest.index), backupId: manifest.backupId }));
  await journalStart(context, job);
  const work = await context.catalog.createWork(job.backupId, run.job.attemptsStarted);
  const { parts } = await planByState({ chain, layers, paths: [], workDir: work.path, signal: run.signal });
  const shards: PlannedShard[] = [];
  for (const part of parts) shards.push(await shardOf(work.path, part, shards.length + 1));
  const plan = await planOf({ run, target, layers, workDir: work.path, shards });
  await writePlan(work.path, plan);
  run.logger.info({ consolidates: backupId, chain: chain.length, shards: plan.shards.length }, 'planned');
  return markSaving(context, job, work.name, plan);
}

/** Where the state holds nothing but the basepath directory. */
const EMPTY_SHARD: PlannedShard = { number: 1, file: 'none', records: 0, bytes: '0', sorted: true };

async function shardOf(workDir: string, { records: file, backupId, archive }: RestorePart, number: number): Promise<PlannedShard> {
  const name = file ?? '';
  const bytes = new ByteSum();
  let records = 0;
  for await (const batch of readRecordFile(join(workDir, name))) {
    records += batch.length;
    for (const { type, size, nlink } of batch) if (type === 'f') bytes.add(size, nlink);
  }
  return { number, file: name, records, bytes: bytes.total.toString(), sorted: true, from: { backupId, archive } };
}

interface PlanInput {
  readonly run: JobRun;
  readonly target: Manifest;
  readonly layers: readonly StateLayer[];
  readonly workDir: string;
  readonly shards: readonly PlannedShard[];
}

async function planOf({ run, target, layers, workDir, shards }: PlanInput): Promise<PlanFile> {
  const { root, exceptions, exceptionsFile } = await lookAtState(layers, workDir);
  const { counts, source, capturedAt } = target;
  const { fsType, fsId, rootInode, owner } = source;
  return {
    v: 2,
    start: `t${run.job.attemptsStarted}`,
    startedAt: new Date(run.job.processedOn ?? Date.now()).toISOString(),
    capturedAt,
    root: source.readFrom,
    rootRecordB64: bytePath.toBuffer(bytePath.of(formatRecord({ ...root, archive: METADATA_KEY }))).toString('base64'),
    source: { fsType, fsId, rootInode, owner },
    shards: shards.length === 0 ? [EMPTY_SHARD] : [...shards],
    counts: { records: counts.records, directories: counts.directories, sourceBytes: counts.sourceBytes, vanished: 0, exceptions, changed: 0, removed: 0 },
    metadata: true,
    parent: null,
    shrunk: target.shrunk,
    consolidates: target.backupId,
    exceptions: exceptionsFile,
  };
}

const REASONS: Readonly<Record<string, ExceptionReason>> = { x: 'not saved', c: 'changed while read', t: 'mtime before 1970 is not kept', u: 'directory could not be listed' };
const EXCEPTIONS_FILE = 'plan.exceptions';

/** The root, and what the chain does not hold as it should: exceptions of the full as they were of the chain. */
async function lookAtState(layers: readonly StateLayer[], workDir: string): Promise<{ root: IndexRecord; exceptions: number; exceptionsFile: string | null }> {
  const log = new ExceptionLog(join(workDir, EXCEPTIONS_FILE));
  let root: IndexRecord | null = null;
  for await (const records of readStateRecords(layers)) {
    for (const record of records) {
      const path = recordPath(record);
      if (path === '.') root = record;
      const reason = REASONS[record.flags.split('').find((flag) => flag in REASONS) ?? ''];
      if (reason !== undefined) log.add({ path, reason, detail: `as in backup ${record.seenIn}` });
    }
    await log.drain();
  }
  const file = await log.close();
  if (root === null) throw new TypeError('a state without its root');
  return { root, exceptions: log.count, exceptionsFile: file === null ? null : EXCEPTIONS_FILE };
}

function gone(backupId: string): BwError {
  return new BwError('CONSOLIDATE_GONE', {
    message: 'the backup to be consolidated is not in the catalog (any more)',
    subject: `backup ${backupId}`,
    retry: 'permanent',
    hint: 'Choose one that `bw-bkup backups BASEPATH` shows.',
  });
}
