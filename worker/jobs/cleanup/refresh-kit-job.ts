import { refreshKit, type BackupRow, type BundleUse } from '../../../shared/restore-kit/index.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { readJournal } from '../../../shared/journal/index.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { NEWEST_KEY } from '../../../shared/queues/names.js';
import { newestOf } from '../../../shared/runs/newest.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { bundlesOf } from '../transfer/bundle-slices.js';

/** Renews the restore kit of every LTS: instructions, script, the list of newest backups, and in which tar objects they lie. */
export async function refreshKitJob(context: WorkerContext, run: JobRun): Promise<{ rows: number }> {
  const chains: Manifest[][] = [];
  for (const basepathId of (await context.runs.redis.hkeys(NEWEST_KEY)).sort()) {
    const newest = await newestOf(context.runs.redis, basepathId);
    if (newest === null) continue;
    try {
      chains.push(await context.catalog.chain(await context.catalog.readManifest(basepathId, newest.backupId)));
    } catch (thrown) {
      run.logger.warn({ err: toBwError(thrown), basepath: basepathId }, 'left out of the restore kit');
    }
  }
  for (const backend of context.backends) {
    const metadata = bundlesOf(context, backend.name) === null ? new Map<string, string>() : await metadataBundles(context.catalog.journalDir, backend.name, chains);
    await refreshKit(backend, chains.map((chain) => rowOf(chain, backend.name, metadata)));
  }
  return { rows: chains.length };
}

/** Backup id -> tar object of an LTS with what describes it. */
async function metadataBundles(journalDir: string, lts: string, chains: readonly (readonly Manifest[])[]): Promise<Map<string, string>> {
  const needed = new Map(chains.flat().map(({ backupId, sealedAt }) => [backupId, Date.parse(sealedAt)]));
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
function rowOf(chain: readonly Manifest[], lts: string, metadata: ReadonlyMap<string, string>): BackupRow {
  const manifest = chain.at(-1) as Manifest;
  const { basepathId, backupId, level, capturedAt, sealedAt } = manifest;
  const directories = chain.map((each) => `${each.basepathId}/${each.backupId}`);
  const keyIds = [...new Set(chain.flatMap(({ archives }) => archives.flatMap(({ keyId }) => keyId ?? [])))].sort();
  const bundles = chain.flatMap((each) => bundlesUsed(each, lts, metadata.get(each.backupId)));
  return { basepathId, path: fromPathJson(manifest.source.path), backupId, level, capturedAt, sealedAt, directories, keyIds, bundles };
}

function bundlesUsed({ basepathId, backupId, archives }: Manifest, lts: string, metadata: string | undefined): BundleUse[] {
  const locations = archives.flatMap(({ slices }) => slices.flatMap((slice) => slice.locations[lts] ?? []));
  const objects = new Set([...(metadata === undefined ? [] : [metadata]), ...locations.flatMap(({ object, offset }) => (offset > 0 ? [object] : []))]);
  return [...objects].map((object) => ({ directory: `${basepathId}/${backupId}`, object }));
}
