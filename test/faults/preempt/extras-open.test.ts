import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stopOrder } from '../../../producer/preemption/preempt.js';
import { sendOrders } from '../../../shared/orders/order.js';
import { resolveProgram } from '../../../shared/process/launch.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import type { SiteOptions } from '../../helpers/site.js';
import { until } from '../../integration/bad-input/until.js';
import { makeTree } from '../../integration/segments/make-tree.js';
import { faultTest } from '../frame/fault-test.js';

const options: SiteOptions = { settings: { worker: { slots: 1, transferSlots: 1, incrementalSlots: '0%' }, schedule: { incrementalEvery: '1ms', incrementalGate: 'none' }, index: { racyWindow: '1ms' } } };

faultTest({ fault: 'stop', state: 'shard: records saved, removals being made', site: options }, async (site) => {
  const { queues, runs } = site.worker.context;
  const alice = join(site.topdir, 'alice');
  await makeTree(alice, { dirs: 3, files: 3 });
  await site.backUp();
  await rm(join(alice, 'dir-1'), { recursive: true });
  await makeTree(join(alice, 'new'), { dirs: 1, files: 3 });
  // The first dar that is to record what is gone hangs.
  await fakeProgram('dar', `case " $* " in *placeholder*) /bin/mkdir '${site.dir}/hung' 2>/dev/null && exec /bin/sleep 600 ;; esac\nexec ${resolveProgram('dar')} "$@"`);
  const [report] = await site.producer.tick();
  const [incremental] = report?.enqueued ?? [];
  const shard = `shard.${incremental?.backupId ?? ''}.1`;
  await until('all records are saved', async () => {
    const run = await runs.read(incremental?.backupId ?? '');
    const made = run === null || run.work === null ? [] : await readdir(site.worker.context.catalog.workDir(run.id, run.work).path);
    return made.some((name) => /^s0001-t1-.*\.settled$/.test(name)) ? true : null;
  });
  await sendOrders(queues.redis, [stopOrder(shard, 'preempted')]);
  expect(await site.waitFor([incremental?.jobId ?? ''])).toMatchObject([{ state: 'completed', reason: null }]);
  expect(await queues.backup.getJob(shard)).toMatchObject({ attemptsMade: 1, attemptsStarted: 2 });
  const manifest = (await site.manifests()).find(({ backupId }) => backupId === incremental?.backupId);
  const startsOf = manifest?.archives.map(({ key, name }) => [key, name.split('.')[2]?.slice(0, 8)]);
  expect(startsOf).toEqual([['0.1', 's0001-t2'], ['0.2', 's0001-t2'], ['1.1', 's0001-t1']]);
  return { sealed: { alice: 2 } };
});
