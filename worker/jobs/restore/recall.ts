import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DelayedError } from 'bullmq';
import { z } from 'zod';
import { writeDurable } from '../../../shared/catalog/durable.js';
import type { ManifestArchive, ManifestSlice } from '../../../shared/catalog/manifest.js';
import { archiveKey, slicesHolding } from '../../../shared/dar/index.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { writeDarList } from '../../../shared/index/dar-list.js';
import { firstCopy } from '../../../shared/restore/fetch-list.js';
import { lastSlices } from '../../../shared/restore/needs.js';
import { lookAgainMs, mayOpen, recallBatches } from '../../../shared/restore/recall.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { order } from '../../../shared/transfer/recall.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { archiveOf } from './open-archive.js';
import { manifestOf, type OpenRestore } from './open-restore.js';
import type { RestorePart } from './restore-plan.js';

const neededSchema = z.array(z.number().int().positive());

/** Whether it makes a difference which slices are fetched: they are recalled, or come many in one task. */
function asksAhead(backends: readonly TransferBackend[]): boolean {
  return backends.some((backend) => backend.capabilities().staging || backend.fetchAll !== undefined);
}

/**
 * Before any archive is opened: puts on record which slices of each are needed, and orders the recall of all that lies on slow media, so that the storage can find its best
 * way. That an order fails stops nothing: whoever opens an archive orders what is not there.
 */
export async function orderRecall(context: WorkerContext, restore: OpenRestore, signal: AbortSignal): Promise<void> {
  if (!asksAhead(context.backends)) return;
  const wanted: ManifestSlice[] = [];
  for (const [number, part] of restore.plan.parts.entries()) {
    const archive = archiveOf(manifestOf(restore, part.backupId), part.archive);
    const needed = await tellNeeded(context, restore, number, part, signal);
    wanted.push(...archive.slices.filter((slice) => needed?.has(slice.number) ?? true));
  }
  if (restore.request.paths.length === 0) wanted.push(...metadataSlices(restore));
  for (const backend of context.backends.filter((each) => each.capabilities().staging)) await orderFrom(context, backend, wanted);
}

async function orderFrom(context: WorkerContext, backend: TransferBackend, wanted: readonly ManifestSlice[]): Promise<void> {
  const objects = wanted.flatMap((slice) => firstCopy(slice, context.backends) ?? []).filter(({ lts }) => lts === backend.name).map(({ object }) => object);
  try {
    const media = (await backend.mediumOf?.(objects)) ?? new Map<string, string>();
    for (const batch of recallBatches(objects, media)) await order(backend, batch);
  } catch (thrown) {
    context.logger.warn({ err: toBwError(thrown), lts: backend.name }, 'recall not ordered ahead: archives order their own');
  }
}

/** As finishing the restore takes it. */
function metadataSlices({ chain }: OpenRestore): readonly ManifestSlice[] {
  return [...chain].reverse().flatMap(({ archives }) => archives.filter(({ kind }) => kind === 'metadata'))[0]?.slices ?? [];
}

/** Asks the isolated catalogue which slices hold what is wanted of an archive. Null: all, or it does not tell. */
async function tellNeeded(context: WorkerContext, restore: OpenRestore, number: number, part: RestorePart, signal: AbortSignal): Promise<ReadonlySet<number> | null> {
  const manifest = manifestOf(restore, part.backupId);
  const archive = archiveOf(manifest, part.archive);
  const { catalogue } = archive;
  if (part.records === null || archive.slices.length === 1 || catalogue === null) return null;
  const file = context.catalog.file(manifest, catalogue);
  if (!file.endsWith('.1.dar')) return null;
  const dir = await context.staging.createStart(restore.request.restoreId, `needed-${number}`);
  const listFile = join(dir, 'wanted.list');
  const { includePaths } = await writeDarList({ recordsFile: join(restore.workDir, part.records), listFile });
  const dar = archiveKey(configuredTopdir(context.config, manifest.source.topdir).dar, archive);
  const base = join(dirname(file), basename(file, '.1.dar'));
  const slices = await slicesHolding(base, dar, { listFile, includePaths, secretsDir: dir, signal });
  if (slices === null) return null;
  const needed = [...new Set([...slices, ...lastSlices(archive, catalogue.bytes)])].sort((a, b) => a - b);
  await writeDurable(join(restore.workDir, nameOf(number)), Buffer.from(JSON.stringify(needed)));
  return new Set(needed);
}

function nameOf(part: number): string {
  return `needed-${part}.json`;
}

/** What was put on record of one part; null: all of its slices, or it could not be told. */
export async function neededSlices({ workDir }: OpenRestore, part: number): Promise<ReadonlySet<number> | null> {
  const made = await readFile(join(workDir, nameOf(part)), 'utf8').catch(() => null);
  return made === null ? null : new Set(neededSchema.parse(JSON.parse(made)));
}

/** Gives the slot back until the archive can be opened: what the storage has first is restored first. Throws DelayedError then; what is not on its way is ordered. */
export async function untilRecalled(context: WorkerContext, run: JobRun, archive: ManifestArchive, needed: ReadonlySet<number> | null, parts: number): Promise<void> {
  for (const backend of context.backends) {
    if (!backend.capabilities().staging || backend.stageStates === undefined) continue;
    const objects = objectsIn(context, backend, archive, needed);
    if (objects.length === 0) continue;
    const states = await backend.stageStates(objects);
    const stateOf = (object: string) => states.get(object) ?? 'missing';
    const away = objects.filter((object) => stateOf(object) === 'offline');
    if (away.length > 0) await order(backend, away);
    if (!mayOpen(objects.map(stateOf), stateOf(objects.at(-1) ?? ''), Date.now() - run.job.timestamp)) await park(run, parts);
  }
}

/** The same where the storage does not tell: what was asked for is on tape. Its recall is ordered, should that not have been possible before. */
export async function orderAndPark(context: WorkerContext, run: JobRun, archive: ManifestArchive, needed: ReadonlySet<number> | null, parts: number): Promise<never> {
  for (const backend of context.backends) {
    const objects = backend.capabilities().staging ? objectsIn(context, backend, archive, needed) : [];
    if (objects.length > 0) await order(backend, objects);
  }
  return park(run, parts);
}

/** Of the slices that are needed, in their order. */
function objectsIn({ backends }: WorkerContext, { name }: TransferBackend, { slices }: ManifestArchive, needed: ReadonlySet<number> | null): string[] {
  const copies = slices.filter(({ number }) => needed?.has(number) ?? true).map((slice) => firstCopy(slice, backends));
  return copies.flatMap((copy) => (copy?.lts === name ? [copy.object] : []));
}

/** Throws DelayedError: no attempt is spent. */
async function park(run: JobRun, parts: number): Promise<never> {
  const ms = lookAgainMs(parts);
  run.logger.debug({ ms }, 'archive is being recalled: its job waits');
  await run.job.moveToDelayed(Date.now() + ms, run.token);
  throw new DelayedError('waits for a recall');
}
