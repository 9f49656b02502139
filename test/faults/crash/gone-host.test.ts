import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { reconcileSite } from '../../../producer/reconcile/reconcile.js';
import { BEATS_KEY, HOSTS_KEY } from '../../../shared/queues/names.js';
import { until } from '../../integration/bad-input/until.js';
import { faultTest } from '../frame/fault-test.js';

const name = 'a shard that is done, and that a host which is gone should have sent, is done once more by another host';
faultTest({ fault: 'host gone', state: 'transfer: slices wait to be sent', name, site: { noWorker: true, settings: { dar: { sliceSize: '1MiB' } } } }, async (site) => {
  const { queues, runs, presence } = site.worker.context;
  await mkdir(join(site.topdir, 'alice'));
  await writeFile(join(site.topdir, 'alice', 'file'), randomBytes(3 * 1024 ** 2));
  await queues.transfer('first').pause();
  const first = await site.addWorker('first');
  const [report] = await site.producer.tick();
  const jobs = report?.enqueued ?? [];
  const waiting = site.waitFor(jobs.map(({ jobId }) => jobId));
  await until('only its transfer is left', async () => {
    const shard = await queues.backup.getJob(`shard.${jobs[0]?.backupId ?? ''}.1`);
    return (await shard?.isCompleted()) === true && (await (await queues.backup.getJob(jobs[0]?.jobId ?? ''))?.isWaitingChildren()) === true ? true : null;
  });
  await first.close();
  await site.addWorker('second');
  const reconcile = async (): Promise<string[]> => {
    const { findings } = await reconcileSite({ ...site.worker.context, now: () => new Date() }, { dryRun: false, basepaths: 'slice', patienceMs: 50 });
    return findings.map(({ kind, state }) => `${kind} ${state}`);
  };
  await until('the other one is heard', async () => ((await presence.heard()).processes.some(({ process }) => process.host === 'second') ? true : null));
  expect(await reconcile()).toEqual([]); // it may come back
  await queues.redis.hset(BEATS_KEY, 'since', '0'); // others have been heard for long
  expect(await reconcile()).toEqual([]); // it ended a moment ago: a restart
  for (const { process } of (await presence.heard()).processes.filter((each) => each.process.host === 'first')) await queues.redis.hset(HOSTS_KEY, process.incarnation, JSON.stringify({ process, seenMs: 0, left: true }));
  expect(await reconcile()).toEqual(['host-gone repaired']);
  expect(await waiting).toMatchObject([{ state: 'completed', reason: null }]);
  const [manifest] = await site.manifests();
  expect(manifest?.archives.map(({ dar: { host } }) => host)).toEqual(manifest?.archives.map(() => 'second'));
  expect(await runs.read(jobs[0]?.backupId ?? '')).toMatchObject({ phase: 'done' });
  await queues.transfer('first').resume();
  return { sealed: { alice: 1 } };
});
