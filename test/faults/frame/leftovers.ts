import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import type { TestSite } from '../../helpers/site.js';
import { filesBelow, orphans } from '../../integration/bad-input/leftovers.js';
import { stagingDirs } from './workers.js';

/** Bundles of metadata that a dead start sent, snapshots, records of later copies: no manifest names them, their own sweep, or the erasure of the backup, takes them. */
const OF_THE_SITE = /:(?:meta|snapshots)\/|\/copies\.[0-9a-f]{16}\.json$/;

/** What was on its way to or from an asynchronous LTS when its worker died: the host sweeps what no task has after ten minutes, the client of Globus its own after a week. */
const ON_ITS_WAY = /\/files\/|\/\.globus-[^/]+\/[0-9a-f]{8}-[0-9a-f-]{27}/;

/**
 * Files in any staging, work directories of ended runs, objects in LTS that no sealed manifest names. What a dead letter keeps for its next try is none:
 * it carries the letter's run in its path.
 */
export async function leftovers(site: TestSite): Promise<string[]> {
  const staged = (await Promise.all([...(await stagingDirs(site)).values()].map(filesBelow))).flat().filter((file) => !ON_ITS_WAY.test(relative(site.dir, file)));
  const work = await readdir(join(site.config.catalog.dir, 'work'));
  const kept = (await new DeadLetters(site.worker.context.queues).all()).map(({ runId }) => runId);
  const found = [...staged.map((file) => relative(site.dir, file)), ...work.map((name) => `work of ${name}`), ...(await orphans(site)).filter((each) => !OF_THE_SITE.test(each))];
  return found.filter((each) => !kept.some((runId) => each.includes(runId)));
}
