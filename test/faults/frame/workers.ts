import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanupQueue, QUEUES } from '../../../shared/queues/names.js';
import type { TestSite } from '../../helpers/site.js';

/** Staging directories of a site by host: its own worker's, and those of workers that were added. */
export async function stagingDirs(site: TestSite): Promise<Map<string, string>> {
  const added = (await readdir(site.dir)).filter((name) => name.startsWith('staging-'));
  return new Map([[site.config.host, site.config.staging.dir], ...added.map((name): [string, string] => [name.slice('staging-'.length), join(site.dir, name)])]);
}

/**
 * Every host that the fault took comes back, as it would in the end: only its own workers can sweep its staging. One is needed for restores, too. `started`: those that came back
 * before. To be asked again: Redis may still name a worker that has just ended.
 */
export async function startMissingWorkers(site: TestSite, started: Set<string>): Promise<void> {
  const start = async (host: string): Promise<void> => {
    if (started.has(host)) return;
    started.add(host);
    await site.addWorker(host);
  };
  for (const host of (await stagingDirs(site)).keys()) {
    if (host !== site.config.host && !(await hasWorker(site, cleanupQueue(host)))) await start(host);
  }
  if (!(await hasWorker(site, QUEUES.backup))) await start('after');
}

async function hasWorker({ worker }: TestSite, queue: string): Promise<boolean> {
  return (await worker.context.queues.named(queue).getWorkers()).length > 0;
}
