import { refreshKit, type BackupRow } from '../../../shared/restore-kit/index.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { isCompleteIn } from '../../../shared/copies/copy-state.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { NEWEST_KEY } from '../../../shared/queues/names.js';
import { newestOf } from '../../../shared/runs/newest.js';
import { ltsOf } from '../../breaker/needs.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';

/**
 * Renews the restore kit of every LTS that is not out: instructions, script, and the list of the newest backups that it alone can restore. One that fails keeps nothing from
 * the others; the job fails then, and is tried again.
 */
export async function refreshKitJob(context: WorkerContext, run: JobRun): Promise<{ rows: number }> {
  const backends = context.backends.filter(({ name }) => !context.breakers.isOpen(ltsOf(name)));
  const rows = new Map<string, BackupRow[]>(backends.map(({ name }) => [name, []]));
  for (const basepathId of (await context.runs.redis.hkeys(NEWEST_KEY)).sort()) {
    const newest = await newestOf(context.runs.redis, basepathId);
    if (newest === null) continue;
    try {
      const chain = await context.catalog.chain(await context.catalog.readManifest(basepathId, newest.backupId));
      for (const [lts, own] of rows) {
        const there = isChainIn(chain, lts) ? chain : await newestIn(context, basepathId, lts);
        if (there !== null) own.push(rowOf(there));
      }
    } catch (thrown) {
      run.logger.warn({ err: toBwError(thrown), basepath: basepathId }, 'left out of the restore kit');
    }
  }
  const errors: unknown[] = [];
  for (const backend of backends) await refreshKit(backend, rows.get(backend.name) ?? []).catch((thrown: unknown) => void errors.push(thrown));
  if (errors.length > 0) throw toBwError(errors[0]);
  return { rows: Math.max(0, ...[...rows.values()].map(({ length }) => length)) };
}

function isChainIn(chain: readonly Manifest[], lts: string): boolean {
  return chain.every((manifest) => isCompleteIn(manifest, lts));
}

/** The chain of the backup captured last of which an LTS has all; null: of none. */
async function newestIn({ catalog }: WorkerContext, basepathId: string, lts: string): Promise<Manifest[] | null> {
  const all = await catalog.backupsOf(basepathId, () => undefined); // told by who reads the newest
  const newestFirst = [...all.values()].sort((a, b) => Date.parse(b.capturedAt) - Date.parse(a.capturedAt));
  for (const manifest of newestFirst) {
    if (manifest.imported !== undefined || !isCompleteIn(manifest, lts)) continue;
    const chain = await catalog.chain(manifest).catch(() => null);
    if (chain !== null && isChainIn(chain, lts)) return chain;
  }
  return null;
}

/** What a shell restores one after the other: the chain, the full first. */
function rowOf(chain: readonly Manifest[]): BackupRow {
  const manifest = chain.at(-1) as Manifest;
  const { basepathId, backupId, level, capturedAt, sealedAt } = manifest;
  const directories = chain.map((each) => `${each.basepathId}/${each.backupId}`);
  return { basepathId, path: fromPathJson(manifest.source.path), backupId, level, capturedAt, sealedAt, directories };
}
