import { enqueueBackup } from '../../../producer/scheduler/enqueue.js';
import type { Ended } from '../../../producer/scheduler/watch-jobs.js';
import { readBasepaths } from '../../../shared/basepaths/index.js';
import { summarise, type BasepathStatus } from '../../../shared/catalog/status.js';
import { readJournal } from '../../../shared/journal/index.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { fromPathJson, type PathJson } from '../../../shared/paths/path-json.js';
import type { TestSite } from '../../helpers/site.js';

/** The state of each basepath from catalog and journal, as `bw-bkup status` shows it, by the last part of its path. */
export async function statusOf(site: TestSite): Promise<Map<string, BasepathStatus>> {
  await site.worker.settled();
  const records = readJournal(site.catalog.journalDir, { onProblem: () => undefined });
  const rows = await summarise(records, site.catalog.listBackups(), Date.now());
  return new Map(rows.map((row) => [row.path === null ? '' : lastPart(row.path), row]));
}

export function lastPart(path: PathJson): string {
  return showPath(fromPathJson(path)).split('/').at(-1) ?? '';
}

/** Orders a full of a known basepath, as `bw-bkup backup` does, and waits for it. */
export async function backUpNow(site: TestSite, name: string, options: { acceptSource?: boolean } = {}): Promise<Ended> {
  const registry = await readBasepaths(site.catalog.journalDir, () => undefined);
  const basepath = [...registry.all()].find(({ path }) => path.endsWith(`/${name}`));
  if (basepath === undefined) throw new Error(`no basepath ${name} on record`);
  const request = {
    basepathId: basepath.basepathId,
    topdir: basepath.topdir,
    path: basepath.path,
    level: 'full' as const,
    priorityClass: 'manual-full' as const,
    policyHash: site.config.policyHash,
    reason: 'a test',
    acceptSource: options.acceptSource === true,
  };
  const { jobId } = await enqueueBackup(site.worker.context.queues, request, Date.now());
  const [ended] = await site.waitFor([jobId]);
  if (ended === undefined) throw new Error('the backup never ended');
  return ended;
}
