import { refreshKit, type BackupRow } from '../../../shared/restore-kit/index.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { NEWEST_KEY } from '../../../shared/queues/names.js';
import { newestOf } from '../../../shared/runs/newest.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';

/** Renews the restore kit of every LTS: instructions, script, and the list of newest backups. */
export async function refreshKitJob(context: WorkerContext, run: JobRun): Promise<{ rows: number }> {
  const rows: BackupRow[] = [];
  for (const basepathId of (await context.runs.redis.hkeys(NEWEST_KEY)).sort()) {
    const newest = await newestOf(context.runs.redis, basepathId);
    if (newest === null) continue;
    try {
      rows.push(rowOf(await context.catalog.chain(await context.catalog.readManifest(basepathId, newest.backupId))));
    } catch (thrown) {
      run.logger.warn({ err: toBwError(thrown), basepath: basepathId }, 'left out of the restore kit');
    }
  }
  for (const backend of context.backends) await refreshKit(backend, rows);
  return { rows: rows.length };
}

/** What a shell restores one after the other: the chain, the full first. */
function rowOf(chain: readonly Manifest[]): BackupRow {
  const manifest = chain.at(-1) as Manifest;
  const { basepathId, backupId, level, capturedAt, sealedAt } = manifest;
  const directories = chain.map((each) => `${each.basepathId}/${each.backupId}`);
  return { basepathId, path: fromPathJson(manifest.source.path), backupId, level, capturedAt, sealedAt, directories };
}
