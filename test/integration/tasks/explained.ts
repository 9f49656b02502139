import { setTimeout as pause } from 'node:timers/promises';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import type { SimulatedGlobus } from '../../helpers/globus-simulator.js';
import type { TestSite } from '../../helpers/site.js';

/** It takes a quarter of this where nothing hangs, ms. */
const LONG_MS = 60_000;
/** After that, ms: below testTimeout, whose message says nothing. */
const HUNG_MS = 140_000;

/** Waits for work with a site behind Globus. Should it fail late, or hang, the error says what was known after a while and at the end: what stands still is the same in both. */
export async function explained(site: TestSite, globus: SimulatedGlobus, work: Promise<void>): Promise<void> {
  const over = new AbortController();
  const looks: string[] = [];
  const look = async (): Promise<void> => { looks.push(JSON.stringify(await known(site, globus).catch(String))); };
  const hung = async (): Promise<never> => {
    await pause(LONG_MS, undefined, { signal: over.signal });
    await look();
    await pause(HUNG_MS, undefined, { signal: over.signal });
    throw new Error('it hangs');
  };
  try {
    await Promise.race([work, hung()]);
  } catch (thrown) {
    if (looks.length === 0) throw thrown;
    await look();
    throw new Error(`${String(thrown)}\nwhat was known:\n${looks.join('\n')}`, { cause: thrown });
  } finally {
    over.abort();
  }
}

async function known({ config, worker }: TestSite, globus: SimulatedGlobus) {
  const { queues } = worker.context;
  const [store, lts] = [new TaskStore(queues.redis), config.lts[0]?.name ?? ''];
  const open = await Promise.all([queues.backup, queues.transfer(config.host), queues.cleanup, queues.copies].map((queue) => queue.getJobs(['active', 'wait', 'prioritized', 'delayed', 'failed'])));
  const jobs = await Promise.all(open.flat().map(async (job) => `${job.queueName} ${job.name} ${job.id ?? ''} ${await job.getState()} ${job.attemptsMade} ${job.failedReason}`));
  const tasks = globus.tasks().map(({ id, type, label, status, lastError }) => [id, type, label, status, lastError]);
  const calls = globus.requests().map(({ method, path, status }) => `${method} ${path} ${status}`);
  const outbox = (await new Outbox(queues.redis).all(lts, config.host)).map(({ object, job, tries }) => `${object} ${job} ${tries}`);
  return { live: await store.all(), wakes: await store.wakes(), outbox, jobs, tasks, calls: calls.length, lastCalls: calls.slice(-10) };
}
