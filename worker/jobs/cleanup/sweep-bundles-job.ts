import { begunBundles } from '../../../shared/bundle/bundle-pool.js';
import { judgeBundles, type BundleUsage } from '../../../shared/bundle/judge-bundles.js';
import { bytesInBundle } from '../../../shared/bundle/lay-out.js';
import { BUNDLES_PREFIX, bundleTime, META_PREFIX } from '../../../shared/bundle/names.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { readJournal } from '../../../shared/journal/index.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { ltsOf } from '../../breaker/needs.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';

/** LTS -> bundle -> bytes of it that are needed. */
type Live = ReadonlyMap<string, Map<string, number>>;

/**
 * Removes bundles of which nothing is needed any more: all in them is erased, or a crash left them. What a sealed or removed backup names, or one that is running has committed, stays
 * with the whole bundle (invariant 2). Tells how much of what stays is dead. Throws CATALOG_MISSING, and for a manifest that cannot be read: it may name any.
 */
export async function sweepBundlesJob(context: WorkerContext, run: JobRun): Promise<{ removed: number }> {
  await context.catalog.assertThere();
  const backends = context.backends.filter(({ name }) => !context.breakers.isOpen(ltsOf(name)));
  // Listed first: what is committed or sealed from now on is in no bundle that is looked at, or is seen below.
  const there = new Map<TransferBackend, { object: string; bytes: number }[]>();
  for (const backend of backends) there.set(backend, await bundlesIn(backend));
  if ([...there.values()].every((bundles) => bundles.length === 0)) return { removed: 0 };
  const begun = await begunBundles(context.queues.redis); // before what is committed: a bundle ends when all in it is
  const live: Live = new Map(backends.map(({ name }) => [name, new Map<string, number>()]));
  await noteRunning(context, live); // before what is sealed: a backup that seals meanwhile is seen once at least
  const backups = await noteSealed(context, live, run);
  await noteMetadata(context, live, backups);
  let removed = 0;
  for (const [backend, bundles] of there) removed += await sweepLts(context, backend, bundles.map((bundle) => usageOf(bundle, live.get(backend.name))), begun, run);
  return { removed };
}

async function bundlesIn(backend: TransferBackend): Promise<{ object: string; bytes: number }[]> {
  const found: { object: string; bytes: number }[] = [];
  for (const prefix of [BUNDLES_PREFIX, META_PREFIX]) for await (const each of backend.list(prefix)) if (bundleTime(each.object) !== null) found.push(each);
  return found;
}

function usageOf({ object, bytes }: { object: string; bytes: number }, live: ReadonlyMap<string, number> | undefined): BundleUsage {
  const liveBytes = live?.get(object) ?? 0;
  return { object, bytes, liveBytes: liveBytes > 0 && object.startsWith(`${META_PREFIX}/`) ? null : liveBytes };
}

function note(live: Live, lts: string, object: string, bytes: number): void {
  const own = live.get(lts);
  own?.set(object, (own.get(object) ?? 0) + bytesInBundle(bytes));
}

async function noteRunning({ runs, items }: WorkerContext, live: Live): Promise<void> {
  for (const { id, kind } of await runs.running()) {
    if (kind !== 'backup') continue;
    for (const { committed } of (await items.all(id)).values()) for (const [lts, { object, offset, length }] of Object.entries(committed)) if (offset > 0) note(live, lts, object, length);
  }
}

/** Returns the ids of all backups there are, removed ones too. */
async function noteSealed({ catalog }: WorkerContext, live: Live, run: JobRun): Promise<Set<string>> {
  const backups = new Set<string>();
  const noteOne = ({ backupId, archives }: Manifest): void => {
    run.signal.throwIfAborted();
    backups.add(backupId);
    for (const { slices } of archives) for (const { locations } of slices) for (const [lts, { object, offset, length }] of Object.entries(locations)) if (offset > 0) note(live, lts, object, length);
  };
  for await (const listed of catalog.listBackups()) {
    if (!listed.ok) throw listed.error;
    noteOne(listed.manifest);
  }
  for await (const { basepathId, backupId } of catalog.listRemoved()) {
    const manifest = await catalog.readBuried(basepathId, backupId);
    if (manifest !== null) noteOne(manifest);
  }
  return backups;
}

async function noteMetadata({ catalog }: WorkerContext, live: Live, backups: ReadonlySet<string>): Promise<void> {
  for await (const record of readJournal(catalog.journalDir, { kinds: ['metadata-bundled'], onProblem: () => undefined })) {
    const used = record.backups.filter(({ backupId }) => backups.has(backupId)).length;
    if (used > 0) note(live, record.lts, record.object, used);
  }
}

async function sweepLts({ now }: WorkerContext, backend: TransferBackend, bundles: readonly BundleUsage[], begun: ReadonlySet<string>, run: JobRun): Promise<number> {
  const { remove, objects, bytes, deadBytes } = judgeBundles(bundles, begun, now().getTime());
  await backend.remove(remove);
  run.logger.info({ lts: backend.name, removed: remove.length, objects, bytes, deadBytes, deadShare: bytes === 0 ? 0 : Math.round((deadBytes / bytes) * 100) / 100 }, 'bundles looked through');
  return remove.length;
}
