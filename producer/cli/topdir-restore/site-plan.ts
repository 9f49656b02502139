import { readBasepathsAt } from '../../../shared/basepaths/index.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import type { JournalProblem } from '../../../shared/journal/index.js';
import { orderBasepaths } from '../../../shared/topdir-restore/order.js';
import { basepathsOf, Choice, sealedBackup, type TopdirBasepath } from '../../../shared/topdir-restore/plan.js';
import { usage, type Site } from '../site.js';
import type { TopdirRequest } from './options.js';

/** What a topdir had at a time, in the order of restoring, from catalog and journal alone. Throws BASEPATH_UNKNOWN where it had nothing, USAGE. */
export async function planTopdir(site: Site, { topdir, by, list }: Pick<TopdirRequest, 'topdir' | 'by' | 'list'>, atMs: number): Promise<readonly TopdirBasepath[]> {
  const onProblem = (problem: JournalProblem): void => { site.logger.warn({ problem }, 'journal line not usable'); };
  const registry = await readBasepathsAt(site.catalog.journalDir, atMs, onProblem);
  const choice = new Choice(atMs);
  for await (const listed of site.catalog.listBackups()) {
    if (listed.ok) choice.add(sealedBackup(listed.manifest));
    else site.logger.warn({ err: listed.error }, 'manifest not usable');
  }
  const found = basepathsOf(topdir, registry.all(), choice.chosen);
  if (found.length === 0) throw nothingKnown(topdir);
  const { basepaths, unknown } = orderBasepaths(topdir, found, by, list);
  if (unknown.length > 0) throw usage(`--order names what the topdir did not have then: ${unknown.slice(0, 10).join(', ')}`, 'Each line is a name below the topdir, a path, or an id; see them with --dry-run.');
  return basepaths;
}

function nothingKnown(topdir: string): BwError {
  return new BwError('BASEPATH_UNKNOWN', {
    message: 'no basepath of this topdir is on record as of that time',
    subject: topdir,
    retry: 'permanent',
    hint: 'List topdirs and their basepaths with `bw-bkup status --json`, or give a later time.',
  });
}
