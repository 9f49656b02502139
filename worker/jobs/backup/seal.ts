import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyRecord, decodeManifest, encodeManifest, exists, linkExclusive, storedFiles } from '../../../shared/catalog/index.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import type { TopdirConfig } from '../../../shared/config/config.js';
import type { CopyGoal } from '../../../shared/copies/enough.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import { mergeDifference, mergeSettled, type MergedIndex } from '../../../shared/index/merge.js';
import { renderArchivesTsv, renderSha512Sums } from '../../../shared/restore-kit/index.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import { shardResultSchema, type MadeFile, type ShardResult } from '../../../shared/runs/shard-result.js';
import { newStart } from '../../../shared/runs/start-name.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { BW_BKUP_VERSION } from '../../../shared/version.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { readPart } from '../shard/kept-parts.js';
import { bundlesOf } from '../transfer/bundle-slices.js';
import { inOrder, toEnough } from '../transfer/to-enough.js';
import { buildManifest, type ManifestInput } from './build-manifest.js';
import { concatenate } from './concatenate.js';
import { readPlan, type PlanFile } from './plan-file.js';
import { finishSealFromLts } from './finish-seal.js';
import { isTidy } from './tidy-up.js';
import { uploadFiles, type Upload } from './upload-files.js';

export interface Sealed {
  readonly manifest: Manifest;
  /** Its link made it true: at most one start can say so, and is the one to put it on record. */
  readonly byUs: boolean;
  /** Nothing of it can lie anywhere but in its work directory and in this host's staging. */
  readonly isTidy: boolean;
}

interface SealWork {
  readonly job: BackupJob;
  readonly dir: string;
  readonly plan: PlanFile;
  /** One per shard. */
  readonly results: readonly ShardResult[];
  /** With the parts that earlier starts of a shard kept. */
  readonly parts: readonly ShardResult[];
  readonly start: string;
}

/**
 * Makes the backup true: final index, manifest, both to enough LTS (manifest last), then the exclusive link in the
 * catalog. A crash before the link leaves no backup; a crash after it leaves nothing to do.
 */
export async function sealBackup(context: WorkerContext, job: BackupJob, workName: string, run: JobRun): Promise<Sealed> {
  const { path: dir } = context.catalog.workDir(job.backupId, workName);
  const work: SealWork = {
    job,
    dir,
    plan: await readPlan(dir),
    ...(await readResults(run, dir)),
    start: newStart(run.job.attemptsStarted),
  };
  const uploaded = await uploadAll(context, work, run);
  if (uploaded === 'conflict') return { ...(await finishSealFromLts(context, job, dir, run.signal)), isTidy: false };
  const { manifest, missed } = uploaded;
  const files = storedFiles(manifest).map(({ name }) => ({ from: join(dir, name), name }));
  let byUs = false;
  await context.catalog.seal({ manifest, files, onLinked: () => { byUs = true; } });
  for (const lts of missed) await noteMissed(context, manifest, lts);
  return { manifest, byUs, isTidy: isTidy(run, work.parts, context.config.host) };
}

/** The manifest says that an LTS has our files, which then went out before the manifest itself was there: its copy is not whole. */
async function noteMissed({ catalog, now }: WorkerContext, { basepathId, backupId, index }: Manifest, lts: string): Promise<void> {
  await catalog.addCopyRecord(basepathId, copyRecord({ backupId, lts, at: now().toISOString(), locations: { [index.name]: null } }));
}

async function readResults(run: JobRun, dir: string): Promise<Pick<SealWork, 'results' | 'parts'>> {
  const values = Object.values(await run.job.getChildrenValues());
  const names = values.flatMap((value: unknown) => (hasResult(value) ? [value.result] : []));
  const results = await Promise.all(names.map(async (name) => shardResultSchema.parse(JSON.parse(await readFile(join(dir, name), 'utf8')))));
  const earlier = await Promise.all(results.flatMap((result) => result.earlier.map((name) => readPart(dir, name))));
  return { results, parts: [...results, ...earlier.map(({ part }) => part)] };
}

function hasResult(value: unknown): value is { result: string } {
  return typeof value === 'object' && value !== null && 'result' in value && typeof value.result === 'string';
}

/** What the manifest is made of, before it is known which LTS have our own files. */
async function composeInput(context: WorkerContext, work: SealWork): Promise<ManifestInput> {
  checkComplete(work);
  const index = await makeIndex(work);
  const exceptionFiles = [work.plan.exceptions, ...work.parts.map((part) => part.exceptions)].filter((name) => name !== null);
  const topdir = configuredTopdir(context.config, work.job.topdir);
  return {
    job: work.job,
    plan: work.plan,
    results: work.parts,
    items: await context.items.all(work.job.backupId),
    ltsNames: topdir.lts,
    plainLts: plainGoal(context, topdir).lts,
    toSeal: topdir.copies.toSeal,
    topdir,
    policyHash: context.config.policyHash,
    index: { name: `index.${work.start}.zst`, bytes: index.bytes, sha512: index.sha512, records: index.records },
    exceptions: await concatenate(work.dir, exceptionFiles, `exceptions.${work.start}.ndjson`),
    darVersion: context.dar.version,
    bwVersion: BW_BKUP_VERSION,
    sealedAt: context.now(),
  };
}

function makeIndex({ dir, plan, results, start }: SealWork): Promise<MergedIndex> {
  const settledFiles = results.map((result) => join(dir, result.settled));
  const rootRecord = Buffer.from(plan.rootRecordB64, 'base64');
  const out = join(dir, `index.${start}.zst`);
  if (plan.parent === null) return mergeSettled({ settledFiles, rootRecord, out });
  const { keptFile, oldFile } = plan.parent;
  return mergeDifference({ settledFiles, rootRecord: plan.metadata ? rootRecord : null, keptFile: join(dir, keptFile), oldFile: join(dir, oldFile), out });
}

/** Every planned shard must have reported exactly once: a missing one would be a silent hole. */
function checkComplete(work: SealWork): void {
  const reported = work.results.map((result) => result.shard).sort((a, b) => a - b);
  const planned = work.plan.shards.map((shard) => shard.number).sort((a, b) => a - b);
  if (reported.join() === planned.join()) return;
  throw new BwError('SHARDS_INCOMPLETE', {
    message: `${planned.length} shards were planned, ${reported.length} reported`,
    subject: `backup ${work.job.backupId}`,
    detail: `planned ${planned.join(' ')}\nreported ${reported.join(' ')}`,
    retry: 'permanent',
    hint: 'Results were lost from Redis. The backup is not sealed; the next scheduled run makes a new one.',
  });
}

interface Uploaded {
  readonly manifest: Manifest;
  /** LTS that it says have our files, and that did not get the manifest. */
  readonly missed: readonly string[];
}

/**
 * Our files to as many LTS as answer, then the manifest, which says which these are. 'conflict' when an LTS holds another manifest of this backup already: an earlier
 * start got further than we thought.
 */
async function uploadAll(context: WorkerContext, work: SealWork, run: JobRun): Promise<Uploaded | 'conflict'> {
  try {
    const { lts, toSeal } = plainGoal(context, configuredTopdir(context.config, work.job.topdir));
    // While all are needed, one that holds another manifest is always seen.
    const mayMiss = toSeal < lts.length;
    const fixed = mayMiss ? await readFixed(work.dir) : null;
    const made = fixed ?? (await uploadFilesOf(context, work, run));
    const manifest = mayMiss && fixed === null ? await fixManifest(work, made) : made;
    await refuseIfOver(context, work.job);
    await context.catalog.chain(manifest); // nor one whose parent was removed: Redis, which protects it, may have been lost
    const last = await ownFile(work, `manifest.${work.start}.json`, 'manifest.json', encodeManifest(manifest));
    const stored = Object.keys(manifest.index.locations);
    const done = await uploadTo(context, work, run, { lts: stored, toSeal: Math.min(toSeal, stored.length) }, [last]);
    return { manifest, missed: stored.filter((name) => !done.includes(name)) };
  } catch (thrown) {
    if (toBwError(thrown).code === 'TRANSFER_OBJECT_EXISTS') return 'conflict';
    throw thrown;
  }
}

/** All files but the manifest; returns that, naming the LTS that have them. */
async function uploadFilesOf(context: WorkerContext, work: SealWork, run: JobRun): Promise<Manifest> {
  const input = await composeInput(context, work);
  const draft = buildManifest(input);
  const dir = `${work.job.basepathId}/${work.job.backupId}`;
  const named = storedFiles(draft).map((file): Upload => ({ file, path: join(work.dir, file.name), object: `${dir}/${file.name}` }));
  const helpers = [
    await ownFile(work, `archives.${work.start}.tsv`, 'archives.tsv', renderArchivesTsv(draft)),
    await ownFile(work, `SHA512SUMS.${work.start}`, 'SHA512SUMS', renderSha512Sums(draft)),
  ];
  const goal = plainGoal(context, input.topdir);
  const done = await uploadTo(context, work, run, goal, [...named, ...helpers]);
  return buildManifest({ ...input, plainLts: goal.lts.filter((name) => done.includes(name)), missedLts: goal.lts.filter((name) => !done.includes(name)) });
}

/**
 * Returns the LTS that have them. Throws the first error, or OUTAGE, when these are not enough. As with slices an asynchronous LTS comes last, and only where it is needed: this slot
 * waits for its tasks.
 */
async function uploadTo(context: WorkerContext, work: SealWork, { job, signal }: JobRun, { lts, toSeal }: CopyGoal, uploads: readonly Upload[]): Promise<string[]> {
  const isAsync = (backend: TransferBackend): boolean => backend.capabilities().async;
  return toEnough(context, {
    backends: inOrder(context.backends, lts).sort((a, b) => Number(isAsync(a)) - Number(isAsync(b))),
    isEnough: (done) => done.length >= toSeal,
    isLeftOut: (backend, done) => isAsync(backend) && done.length >= toSeal,
    act: (backend, own) => uploadFiles(context, backend, `${work.job.backupId}-${work.start}`, uploads, own),
    onMissed: (backend, error) => context.breakers.note(job, backend.name, error),
    signal,
  });
}

/** In the work directory: the one manifest of this backup, from before any LTS is given it. */
const FIXED = 'manifest.fixed.json';

/** Once a manifest may be in an LTS, that of every later start is the same one: an LTS that is out then cannot hold another. */
async function readFixed(dir: string): Promise<Manifest | null> {
  const path = join(dir, FIXED);
  return (await exists(path)) ? decodeManifest(await readFile(path), path) : null;
}

/** The first start that comes here decides. */
async function fixManifest({ dir, start }: SealWork, manifest: Manifest): Promise<Manifest> {
  const temporary = join(dir, `manifest.${start}.tmp`);
  await writeFile(temporary, encodeManifest(manifest), { mode: 0o600 });
  return (await linkExclusive(temporary, join(dir, FIXED))) === 'linked' ? manifest : ((await readFixed(dir)) ?? manifest);
}

/** Where our own files go before the seal, each by itself; to the others in bundles, after it. */
function plainGoal(context: WorkerContext, { lts, copies }: TopdirConfig): CopyGoal {
  const plain = lts.filter((name) => bundlesOf(context, name) === null);
  return { lts: plain, toSeal: Math.max(0, Math.min(plain.length, copies.toSeal - (lts.length - plain.length))) };
}

/**
 * A manifest in LTS makes a backup true, as does one in the catalog: from here on nobody sweeps what it names. So a start that lost its lock
 * meanwhile, and whose backup was ended and swept, must not come that far. Throws RUN_GONE.
 */
async function refuseIfOver(context: WorkerContext, job: BackupJob): Promise<void> {
  const state = await context.runs.read(job.backupId);
  if (state?.phase === 'sealing' || state?.phase === 'done') return;
  throw new BwError('RUN_GONE', {
    message: `the run of this backup ${state === null ? 'is not on record' : 'has failed'}; nothing was sealed`,
    subject: `backup ${job.backupId}`,
    retry: 'permanent',
    hint: 'Nothing sealed is affected; the next scheduled run makes a new backup.',
  });
}

async function ownFile(work: SealWork, name: string, objectName: string, content: string | Buffer): Promise<Upload> {
  const bytes = Buffer.from(content);
  const path = join(work.dir, name);
  await writeFile(path, bytes, { mode: 0o600 });
  const file: MadeFile = { name, bytes: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex') };
  return { file, path, object: `${work.job.basepathId}/${work.job.backupId}/${objectName}` };
}
