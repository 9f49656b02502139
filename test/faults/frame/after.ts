import type { Manifest } from '../../../shared/catalog/index.js';
import type { TestSite } from '../../helpers/site.js';
import { untilNone } from '../../integration/bad-input/until.js';
import { accountProblems } from './accounts.js';
import type { Expected } from './fault-test.js';
import { leftovers } from './leftovers.js';
import { processProblems } from './processes.js';
import { pathOf, restoreProblems } from './restores.js';
import { startMissingWorkers } from './workers.js';

export interface Watch {
  /** Looks at everything that must be true after a fault. Returns what is not, in words. */
  lookAfter(expected: Expected): Promise<string[]>;
}

/** Work that was found to go on when the body ended. */
const SETTLE_MS = 60_000;

/** To be called before the fault. */
export function watchSite(site: TestSite): Watch {
  return {
    lookAfter: async (expected) => {
      const started = new Set<string>();
      const losses = await left('work goes on', async () => {
        await startMissingWorkers(site, started);
        return openJobs(site);
      });
      const manifests = await site.manifests().catch((thrown: unknown) => {
        losses.push(`the catalog cannot be read: ${String(thrown)}`);
        return [];
      });
      losses.push(...sealedProblems(manifests, expected), ...(await restoreProblems(site, manifests, expected)));
      losses.push(...(await left('left behind', async () => {
        await startMissingWorkers(site, started);
        return leftovers(site);
      })));
      losses.push(...(await left('not in order', () => accountProblems(site))));
      losses.push(...(await left('still running', () => processProblems(site))));
      return losses;
    },
  };
}

/** What `look` still finds after a time, each with a word in front. */
async function left(word: string, look: () => Promise<readonly string[]>): Promise<string[]> {
  let seen: readonly string[] = [];
  const noting = async (): Promise<readonly string[]> => (seen = await look());
  return untilNone(word, noting, SETTLE_MS).then(() => [], () => seen.map((each) => `${word}: ${each}`));
}

/** Jobs that have not ended. */
async function openJobs({ worker }: TestSite): Promise<string[]> {
  const { backup } = worker.context.queues;
  const jobs = await backup.getJobs(['active', 'waiting', 'prioritized', 'delayed', 'waiting-children']);
  // BullMQ types entries as present, but one that was removed meanwhile leaves a hole.
  return (jobs as ((typeof jobs)[number] | undefined)[]).flatMap((job) => (job === undefined ? [] : [`job ${String(job.id)}`]));
}

function sealedProblems(manifests: readonly Manifest[], { sealed = {} }: Expected): string[] {
  return Object.entries(sealed).flatMap(([name, count]) => {
    const found = manifests.filter((manifest) => pathOf(manifest).endsWith(`/${name}`)).length;
    return found === count ? [] : [`${name} has ${found} sealed backups, not ${count}`];
  });
}
