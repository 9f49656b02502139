import { DelayedError } from 'bullmq';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { chooseBundle } from '../../../shared/bundle/choose-bundle.js';
import { layOutBundle } from '../../../shared/bundle/lay-out.js';
import { metadataParts, type MetadataPart } from '../../../shared/bundle/metadata-parts.js';
import { metaObject, STAGED_BUNDLES } from '../../../shared/bundle/names.js';
import { pendingMetadata, waitingPart, type PendingBackup } from '../../../shared/bundle/pending-metadata.js';
import { writeBundle } from '../../../shared/bundle/write-bundle.js';
import type { BundleConfig } from '../../../shared/config/config.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { orderKitRefresh } from '../../../shared/runs/order-kit.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { sendFiles } from '../../tasks/send-files.js';
import { bundlesOf } from '../transfer/bundle-slices.js';

/** Of one record of the journal, whose lines are bounded. */
const BACKUPS_PER_RECORD = 1_000;
const LOOK_AGAIN_MS = 300_000;

interface Described extends PendingBackup {
  readonly parts: readonly MetadataPart[];
}

/**
 * Brings what describes sealed backups to every LTS with lts.minObject, in bundles: when enough is together, or the oldest seal is lts.maxWait ago. Until nothing waits
 * any more it comes again. Cut off anywhere, a bundle is left of which no record says what is in it, which is swept, and the same backups go into another one.
 */
export async function bundleMetadataJob(context: WorkerContext, run: JobRun): Promise<{ bundles: number }> {
  await rm(join(context.staging.root, STAGED_BUNDLES, 'meta'), { recursive: true, force: true }); // tars of starts that died: nothing names them, and the same backups go into another one
  let bundles = 0;
  const nextMs: number[] = [];
  const errors: unknown[] = [];
  for (const backend of context.backends) {
    const limits = bundlesOf(context, backend.name);
    if (limits === null) continue;
    try {
      context.breakers.refuseIfOut(backend.name);
      const done = await bundleAll(context, backend, limits, run);
      bundles += done.bundles;
      if (done.waitUntilMs !== null) nextMs.push(done.waitUntilMs);
    } catch (thrown) {
      errors.push(thrown);
    }
  }
  if (bundles > 0) await orderKitRefresh(context.queues);
  if (errors.length > 0) throw toBwError(errors[0]);
  if (nextMs.length === 0) return { bundles };
  const nowMs = context.now().getTime();
  await run.job.moveToDelayed(Math.min(Math.max(nowMs + 1, Math.min(...nextMs)), nowMs + LOOK_AGAIN_MS), run.token);
  throw new DelayedError('sealed backups wait for a bundle');
}

async function bundleAll(context: WorkerContext, backend: TransferBackend, limits: BundleConfig, run: JobRun): Promise<{ bundles: number; waitUntilMs: number | null }> {
  const nowMs = context.now().getTime();
  const waiting: (Described & { bytes: number; sinceMs: number })[] = [];
  for (const pending of await pendingMetadata(context.catalog.journalDir, backend.name, nowMs)) {
    const parts = await describe(context, pending, run);
    if (parts !== null) waiting.push(waitingPart({ ...pending, parts }, parts.reduce((sum, { bytes }) => sum + bytes, 0)));
  }
  for (let bundles = 0; ; bundles++) {
    const choice = chooseBundle(waiting, limits, nowMs, false);
    if (choice.close === null) return { bundles, waitUntilMs: choice.waitUntilMs };
    await bundleThese(context, backend, choice.close, run);
    const gone = new Set(choice.close);
    waiting.splice(0, waiting.length, ...waiting.filter((each) => !gone.has(each)));
  }
}

/** Null: it is not (any more) in the catalog, or damaged there, which verification and status tell. */
async function describe(context: WorkerContext, { basepathId, backupId }: PendingBackup, run: JobRun): Promise<MetadataPart[] | null> {
  try {
    return await metadataParts(context.catalog, await context.catalog.readManifest(basepathId, backupId));
  } catch (thrown) {
    const error = toBwError(thrown);
    if (error.code !== 'MANIFEST_MISSING') run.logger.warn({ err: error, basepathId, backupId }, 'left out of a metadata bundle');
    return null;
  }
}

async function bundleThese(context: WorkerContext, backend: TransferBackend, backups: readonly Described[], run: JobRun): Promise<void> {
  const id = ulid(context.now().getTime());
  const object = metaObject(id);
  const dir = await context.staging.createDirectory(join(STAGED_BUNDLES, 'meta'));
  const file = join(dir, `${id}.tar`);
  try {
    const made = await writeBundle(layOutBundle(object, backups.flatMap(({ parts }) => parts)), file, ({ from }) => from, run.signal);
    const record = { kind: 'metadata-bundled', lts: backend.name, object, bytes: String(made.bytes) } as const;
    await context.journal.append({ ...record, backups: [] }); // first: one that the journal has never heard of is of a catalog that was lost (sweep-bundles-job.ts)
    const [result] = await sendFiles(context, { backend, items: [{ object, file, ...made }], key: id, signal: run.signal });
    if (result?.error !== undefined) throw result.error;
    for (let at = 0; at < backups.length; at += BACKUPS_PER_RECORD) {
      const some = backups.slice(at, at + BACKUPS_PER_RECORD).map(({ basepathId, backupId }) => ({ basepathId, backupId }));
      await context.journal.append({ ...record, backups: some });
    }
    run.logger.info({ object, lts: backend.name, backups: backups.length, bytes: made.bytes }, 'metadata bundled');
  } finally {
    await rm(file, { force: true });
  }
}
