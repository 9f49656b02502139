import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { WaitingWatch } from '../../../producer/preemption/watch-waiting.js';
import { DrainedHosts } from '../../../shared/orders/drained-hosts.js';
import type { SiteOptions, TestSite } from '../../helpers/site.js';
import { until } from '../../integration/bad-input/until.js';
import { makeTree } from '../../integration/segments/make-tree.js';
import { faultTest } from '../frame/fault-test.js';
import { processesOf, untilDarRuns, untilNothingRuns } from '../worker-process.js';

/** One slot; staging that is full after some slices, because nothing is sent. */
const options: SiteOptions = {
  settings: { worker: { slots: 1, transferSlots: 1, incrementalSlots: '0%' }, dar: { sliceSize: '1MiB', compression: 'bzip2:9' }, shards: { maxFiles: 100 }, schedule: { incrementalEvery: '1ms', incrementalGate: 'none' }, index: { racyWindow: '1ms' } },
  prepare: (dir) => Promise.resolve({ staging: { dir: join(dir, 'staging'), budget: 2_800_000 } }),
};

/** An incremental whose dar the brake has stopped, for lack of room. */
async function stoppedIncremental(site: TestSite): Promise<{ readonly jobIds: string[]; readonly shard: string }> {
  const { topdir, config, worker, producer } = site;
  const alice = join(topdir, 'alice');
  await writeFile(join(topdir, '.keep'), '');
  await makeTree(alice, { dirs: 0, files: 0 });
  await site.backUp();
  await makeTree(alice, { dirs: 8, files: 8 });
  await worker.context.queues.transfer(config.host).pause();
  const [report] = await producer.tick();
  expect(report?.enqueued).toMatchObject([{ level: 'incremental' }]);
  const dar = await untilDarRuns(config.staging.dir);
  await until('the brake has stopped dar', async () => (/^\d+ \(.*\) T /s.test(await readFile(`/proc/${dar}/stat`, 'latin1')) ? true : null));
  return { jobIds: report?.enqueued.map(({ jobId }) => jobId) ?? [], shard: `shard.${report?.enqueued[0]?.backupId ?? ''}.1` };
}

/** Nothing of it stands still for ever. */
async function expectEnded({ config, worker }: TestSite, shard: string): Promise<void> {
  await untilNothingRuns(config.staging.dir);
  expect(await processesOf(config.staging.dir)).toEqual([]);
  const job = await worker.context.queues.backup.getJob(shard);
  expect(await job?.isActive()).toBe(false);
  expect(job).toMatchObject({ attemptsMade: 0 });
}

faultTest({ fault: 'preemption', state: 'dar stopped for back-pressure', site: options }, async (made) => {
  const { queues, runs } = made.worker.context;
  const { jobIds, shard } = await stoppedIncremental(made);
  await makeTree(join(made.topdir, 'bob'), { dirs: 1, files: 1 });
  const [report] = await made.producer.tick();
  const full = report?.enqueued.find(({ level }) => level === 'full');
  const watch = new WaitingWatch({ queues, runs, maxPerBackup: 3 });
  expect(await watch.look()).toEqual([]);
  expect(await watch.look()).toMatchObject([{ jobId: shard }]);
  await until('the full has the slot', async () => ((await runs.read(full?.backupId ?? '')) === null ? null : true));
  await queues.transfer(made.config.host).resume();
  const ended = await made.waitFor([...jobIds, full?.jobId ?? '']);
  expect(ended).toMatchObject([{ jobId: full?.jobId, state: 'completed' }, { state: 'completed' }]);
  expect(await queues.backup.getJob(shard)).toMatchObject({ attemptsMade: 1, attemptsStarted: 2 });
  return { sealed: { alice: 2, bob: 1 } };
});

faultTest({ fault: 'drain', state: 'dar stopped for back-pressure', site: options }, async (made) => {
  const { queues } = made.worker.context;
  const { jobIds, shard } = await stoppedIncremental(made);
  const hosts = new DrainedHosts(queues.redis);
  await hosts.drain(made.config.host, { since: new Date().toISOString(), user: null, reason: 'new disks', whenIdle: false });
  await until('it is idle', async () => ((await queues.backup.getActiveCount()) === 0 ? true : null));
  await expectEnded(made, shard);
  await queues.transfer(made.config.host).resume();
  await hosts.resume(made.config.host);
  expect(await made.waitFor(jobIds)).toMatchObject([{ state: 'completed', reason: null }]);
  return { sealed: { alice: 2 } };
});
