import { readJournal } from '../../../shared/journal/index.js';
import { newestOf } from '../../../shared/runs/newest.js';
import type { TestSite } from '../../helpers/site.js';

interface Known {
  ended: number;
  sealed: number;
  removed: boolean;
}

/** What catalog, journal and the index in Redis say differently: a backup that is lost, or there twice. */
export async function accountProblems(site: TestSite): Promise<string[]> {
  const { redis } = site.worker.context.queues;
  const { runs } = site.worker.context;
  const manifests = new Map((await site.manifests()).map((manifest) => [manifest.backupId, manifest]));
  const known = await journalOf(site);
  const problems = (await runs.running()).map(({ id, phase }) => `the run ${id} is ${phase} for ever`);
  for (const [id, { ended, sealed, removed }] of known) {
    if (sealed > 1 || ended > 1) problems.push(`the journal has ${id} sealed ${sealed} times, ended ${ended} times`);
    if (ended === 0) problems.push(`the journal has no end of ${id}`);
    if (sealed > 0 && !removed && !manifests.has(id)) problems.push(`${id} was sealed, and the catalog does not have it`);
  }
  for (const manifest of manifests.values()) {
    const { backupId, basepathId } = manifest;
    if (known.get(backupId)?.sealed !== 1) problems.push(`the journal does not have ${backupId} as sealed`);
    const damage = await site.catalog.checkBackup(manifest);
    problems.push(...damage.map((each) => `${backupId} in the catalog: ${JSON.stringify(each)}`));
    const newest = await site.catalog.newestSealed(basepathId, () => undefined);
    const facts = await newestOf(redis, basepathId);
    if (facts?.backupId !== newest?.backupId) problems.push(`Redis has ${String(facts?.backupId)} as the newest of ${basepathId}, not ${String(newest?.backupId)}`);
  }
  return problems;
}

async function journalOf(site: TestSite): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  const kinds = ['attempt-started', 'attempt-ended', 'sealed', 'removed'] as const;
  for await (const record of readJournal(site.catalog.journalDir, { kinds, onProblem: () => undefined })) {
    const of = known.get(record.backupId) ?? { ended: 0, sealed: 0, removed: false };
    known.set(record.backupId, of);
    // One that Redis lost, and that a later backup has made good, has ended: nothing of it goes on.
    if (record.kind === 'attempt-ended') of.ended += record.outcome === 'interrupted' && record.error?.code !== 'JOB_GONE' ? 0 : 1;
    else if (record.kind === 'sealed') of.sealed += 1;
    else if (record.kind === 'removed') of.removed = true;
  }
  return known;
}
