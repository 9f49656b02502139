import { join } from 'node:path';
import { expect } from 'vitest';
import { WaitingWatch } from '../../../producer/preemption/watch-waiting.js';
import { sendSignal } from '../../../shared/process/active-children.js';
import type { SiteOptions } from '../../helpers/site.js';
import { until } from '../../integration/bad-input/until.js';
import { makeTree } from '../../integration/segments/make-tree.js';
import { stopDarAt } from '../../integration/segments/stopped-dar.js';
import { faultTest } from '../frame/fault-test.js';
import { processesOf } from '../worker-process.js';

const options: SiteOptions = {
  noWorker: true,
  settings: { worker: { slots: 1, transferSlots: 1, incrementalSlots: '0%' }, dar: { sliceSize: '512KiB', compression: 'bzip2:9' }, schedule: { incrementalEvery: '1ms', incrementalGate: 'none' }, index: { racyWindow: '1ms' } },
};
const HOSTS = ['one', 'two'];
const BASEPATHS = ['alice', 'carol'];

// Each host works on an incremental, and two producers look for what waits at the same moment.
faultTest({ fault: 'preemption', state: 'incrementals on every node, two producers', site: options }, async (site) => {
  const { queues, runs } = site.worker.context;
  for (const host of HOSTS) await site.addWorker(host);
  for (const name of BASEPATHS) await makeTree(join(site.topdir, name), { dirs: 0, files: 0 });
  await site.backUp();
  for (const name of BASEPATHS) await makeTree(join(site.topdir, name), { dirs: 6, files: 8 });
  const dars = await stopDarAt(site.dir, { slice: 2, sliceBytes: 512 * 1024, bytes: 100_000, times: 2 });
  const [report] = await site.producer.tick();
  expect(report?.enqueued).toMatchObject([{ level: 'incremental' }, { level: 'incremental' }]);
  await dars.stands();
  await dars.stands();
  await makeTree(join(site.topdir, 'bob'), { dirs: 1, files: 1 });
  const [later] = await site.producer.tick();
  const full = later?.enqueued.find(({ level }) => level === 'full');
  const watches = [0, 1].map(() => new WaitingWatch({ queues, runs, maxPerBackup: 3 }));
  for (const watch of watches) expect(await watch.look()).toEqual([]);
  const victims = (await Promise.all(watches.map((watch) => watch.look()))).flat();
  for (const watch of watches) victims.push(...(await watch.look()));
  expect(victims).toHaveLength(1);
  await until('the full has the slot', async () => ((await runs.read(full?.backupId ?? '')) === null ? null : true));
  for (const host of HOSTS) for (const { pid } of await processesOf(join(site.dir, `staging-${host}`))) sendSignal(pid, 'SIGCONT');
  const ended = await site.waitFor([...(report?.enqueued ?? []), ...(later?.enqueued ?? [])].map(({ jobId }) => jobId));
  expect(ended.map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
  const starts = await Promise.all((report?.enqueued ?? []).map(async ({ backupId }) => (await queues.backup.getJob(`shard.${backupId}.1`))?.attemptsStarted));
  expect(starts.sort()).toEqual([1, 2]);
  return { sealed: { alice: 2, carol: 2, bob: 1 } };
});
