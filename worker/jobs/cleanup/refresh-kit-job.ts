import { refreshKit, type BackupRow, type BundleUse } from '../../../shared/restore-kit/index.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { bundlingLts, isCompleteIn, type BundlingConfig } from '../../../shared/copies/copy-state.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { readJournal } from '../../../shared/journal/index.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { NEWEST_KEY } from '../../../shared/queues/names.js';
import { newestOf } from '../../../shared/runs/newest.js';
import { ltsOf } from '../../breaker/needs.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { bundlesOf } from '../transfer/bundle-slices.js';

/**
 * Renews the restore kit of every LTS that is not out: instructions, script, the list of the newest backups that it alone can restore, and in which tar objects they lie. One
 * that fails keeps nothing from the others; the job fails then, and is tried again.
 */
export async function refreshKitJob(context: WorkerContext, run: JobRun): Promise<{ rows: number }> {
  const backends = context.backends.filter(({ name }) => !context.breakers.isOpen(ltsOf(name)));
  const rows = new Map<string, KitRow[]>(backends.map(({ name }) => [name, []]));
  for (const basepathId of (await context.runs.redis.hkeys(NEWEST_KEY)).sort()) {
    const newest = await newestOf(context.runs.redis, basepathId);
    if (newest === null) continue;
    try {
      const chain = await context.catalog.chain(await context.catalog.readManifest(basepathId, newest.backupId));
      for (const [lts, own] of rows) {
        const there = isChainIn(context.config, chain, lts) ? chain : await newestIn(context, basepathId, lts);
        if (there !== null) own.push(rowOf(there, lts));
      }
    } catch (thrown) {
      run.logger.warn({ err: toBwError(thrown), basepath: basepathId }, 'left out of the restore kit');
    }
  }
  const errors: unknown[] = [];
  for (const backend of backends) await refreshOne(context, backend, rows.get(backend.name) ?? []).catch((thrown: unknown) => void errors.push(thrown));
  if (errors.length > 0) throw toBwError(errors[0]);
  return { rows: Math.max(0, ...[...rows.values()].map(({ length }) => length)) };
}

/** What is kept of a chain meanwhile: manifests of a site are too many to be held together. */
interface KitRow {
  readonly row: BackupRow;
  readonly backups: readonly { readonly backupId: string; readonly directory: string; readonly sealedMs: number }[];
}

async function refreshOne(context: WorkerContext, backend: TransferBackend, rows: readonly KitRow[]): Promise<void> {
  const metadata = bundlesOf(context, backend.name) === null ? new Map<string, string>() : await metadataBundles(context.catalog.journalDir, backend.name, rows);
  await refreshKit(backend, rows.map((row) => withMetadata(row, metadata)));
}

/** With the tar objects that hold what describes its backups. */
function withMetadata({ row, backups }: KitRow, metadata: ReadonlyMap<string, string>): BackupRow {
  const bundles = backups.flatMap(({ backupId, directory }): BundleUse[] => {
    const object = metadata.get(backupId);
    const own = row.bundles.filter((bundle) => bundle.directory === directory);
    return object === undefined ? own : [{ directory, object }, ...own];
  });
  return { ...row, bundles };
}

function isChainIn(config: BundlingConfig, chain: readonly Manifest[], lts: string): boolean {
  return chain.every((manifest) => isCompleteIn(manifest, lts, bundlingLts(config, manifest)));
}

/** The chain of the backup captured last of which an LTS has all; null: of none. */
async function newestIn({ catalog, config }: WorkerContext, basepathId: string, lts: string): Promise<Manifest[] | null> {
  const all = await catalog.backupsOf(basepathId, () => undefined); // told by who reads the newest
  const newestFirst = [...all.values()].sort((a, b) => Date.parse(b.capturedAt) - Date.parse(a.capturedAt));
  for (const manifest of newestFirst) {
    if (manifest.imported !== undefined || !isCompleteIn(manifest, lts, bundlingLts(config, manifest))) continue;
    const chain = await catalog.chain(manifest).catch(() => null);
    if (chain !== null && isChainIn(config, chain, lts)) return chain;
  }
  return null;
}

/** Backup id -> tar object of an LTS with what describes it. */
async function metadataBundles(journalDir: string, lts: string, rows: readonly KitRow[]): Promise<Map<string, string>> {
  const needed = new Map(rows.flatMap(({ backups }) => backups.map(({ backupId, sealedMs }) => [backupId, sealedMs] as const)));
  const found = new Map<string, string>();
  if (needed.size === 0) return found;
  const sinceMs = [...needed.values()].reduce((least, ms) => Math.min(least, ms), Infinity) - CLOCK_SLACK_MS;
  for await (const record of readJournal(journalDir, { kinds: ['metadata-bundled'], sinceMs, onProblem: () => undefined })) {
    if (record.lts !== lts) continue;
    for (const { backupId } of record.backups) if (needed.has(backupId)) found.set(backupId, record.object);
  }
  return found;
}

/** Hosts may differ by less, ms. */
const CLOCK_SLACK_MS = 3_600_000;

/** What a shell restores one after the other: the chain, the full first. */
function rowOf(chain: readonly Manifest[], lts: string): KitRow {
  const manifest = chain.at(-1) as Manifest;
  const { basepathId, backupId, level, capturedAt, sealedAt } = manifest;
  const backups = chain.map((each) => ({ backupId: each.backupId, directory: directoryOf(each), sealedMs: Date.parse(each.sealedAt) }));
  const keyIds = [...new Set(chain.flatMap(({ archives }) => archives.flatMap(({ keyId }) => keyId ?? [])))].sort();
  const bundles = chain.flatMap((each) => bundlesUsed(each, lts));
  return { row: { basepathId, path: fromPathJson(manifest.source.path), backupId, level, capturedAt, sealedAt, directories: backups.map(({ directory }) => directory), keyIds, bundles }, backups };
}

function bundlesUsed(manifest: Manifest, lts: string): BundleUse[] {
  const locations = manifest.archives.flatMap(({ slices }) => slices.flatMap((slice) => slice.locations[lts] ?? []));
  const objects = new Set(locations.flatMap(({ object, offset }) => (offset > 0 ? [object] : [])));
  return [...objects].map((object) => ({ directory: directoryOf(manifest), object }));
}

function directoryOf({ basepathId, backupId }: Manifest): string {
  return `${basepathId}/${backupId}`;
}
