import type { Catalog, Manifest } from '../../../shared/catalog/index.js';
import { readJournal } from '../../../shared/journal/index.js';
import type { VerifyJob } from '../../../shared/queues/job-data.js';
import type { WorkerContext } from '../../context.js';
import { noting, type Findings } from './findings.js';

type Ids = Pick<VerifyJob, 'basepathId' | 'backupId'>;

/**
 * The backup and its ancestors, the full first; empty when that is damaged, which is a finding then; 'gone': it was removed, which is no damage. To be called when
 * it is on record that the backup is needed: whoever removes one looks at that behind its tombstone.
 */
export async function openChain({ catalog, logger }: Pick<WorkerContext, 'catalog' | 'logger'>, job: Ids, findings: Findings): Promise<readonly Manifest[] | 'gone'> {
  if (await catalog.isRemoved(job.basepathId, job.backupId)) return 'gone';
  const found = await noting(findings, job.backupId, async () => {
    const chain = await readChain(catalog, job);
    if (chain !== null) return chain;
    if (await isErased(catalog, job, (problem) => { logger.warn({ problem }, 'journal line not usable'); })) return 'gone';
    return catalog.chain(await catalog.readManifest(job.basepathId, job.backupId)); // says what is missing
  });
  return found ?? [];
}

/** A prune that gives tombstones, sees that they are needed and takes them back may be under way: they count for nothing from here on. Null: a manifest is missing. */
async function readChain(catalog: Catalog, { basepathId, backupId }: Ids): Promise<Manifest[] | null> {
  const chain: Manifest[] = [];
  for (let id: string | null = backupId; id !== null; ) {
    const manifest: Manifest | null = await catalog.readBuried(basepathId, id);
    if (manifest === null || chain.some((each) => each.backupId === manifest.backupId)) return null;
    chain.unshift(manifest);
    id = manifest.parent;
  }
  return chain;
}

/** Whether the catalog has nothing of it because it was removed and erased: it may have waited for longer than the grace period. */
async function isErased(catalog: Catalog, { basepathId, backupId }: Ids, onProblem: Parameters<typeof readJournal>[1]['onProblem']): Promise<boolean> {
  if ((await catalog.readBuried(basepathId, backupId)) !== null) return false; // an ancestor is missing
  let removed = false;
  for await (const record of readJournal(catalog.journalDir, { kinds: ['removed', 'undeleted', 'erased'], onProblem })) {
    if (record.backupId === backupId) removed = record.kind !== 'undeleted';
  }
  return removed;
}
