import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cancelRun } from '../../../producer/preemption/cancel.js';
import { WaitingWatch } from '../../../producer/preemption/watch-waiting.js';
import { compareTrees } from '../../../shared/compare/index.js';
import type { Journal } from '../../../shared/journal/journal.js';
import { DrainedHosts } from '../../../shared/orders/drained-hosts.js';
import type { FailRunParts } from '../../../shared/runs/fail-run.js';
import type { Run } from '../../../shared/runs/run-store.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { expectSwept } from '../bad-input/leftovers.js';
import { bytes, restore, resultOf } from '../bad-input/restoring.js';
import { until } from '../bad-input/until.js';
import { makeTree } from './make-tree.js';
import { stopDarAt } from './stopped-dar.js';

const settings = { worker: { slots: 1, transferSlots: 1, incrementalSlots: '0%' }, dar: { sliceSize: '512KiB', compression: 'bzip2:9' }, schedule: { incrementalEvery: '1ms', incrementalGate: 'none' }, index: { racyWindow: '1ms' } };

describe('a full that waits while an incremental has the slot', () => {
  it('gets it; the incremental spends no attempt and goes on with what is left', async () => {
    const site = await testSite({ settings });
    const { queues, runs } = site.worker.context;
    const alice = join(site.topdir, 'alice');
    await writeFile(join(site.topdir, '.keep'), '');
    await makeTree(alice, { dirs: 0, files: 0 });
    await site.backUp();
    await makeTree(alice, { dirs: 6, files: 8 });
    const dar = await stopDarAt(site.dir, { slice: 3, sliceBytes: 512 * 1024, bytes: 100_000 });
    const [report] = await site.producer.tick();
    expect(report?.enqueued).toMatchObject([{ level: 'incremental' }]);
    await dar.stands();
    const watch = new WaitingWatch({ queues, runs, maxPerBackup: 3 });
    expect([await watch.look(), await watch.look()]).toEqual([[], []]);
    await makeTree(join(site.topdir, 'bob'), { dirs: 1, files: 1 });
    const [later] = await site.producer.tick();
    const full = later?.enqueued.find(({ level }) => level === 'full');
    expect(await watch.look()).toEqual([]); // it may just have come
    const [victim, ...others] = await watch.look();
    expect([victim, others]).toMatchObject([{ runId: report?.enqueued[0]?.backupId, preemptions: 0 }, []]);
    expect(await watch.look()).toEqual([]); // one is enough
    await until('the full has the slot', async () => ((await queues.backup.getJobState(full?.jobId ?? '')) === 'prioritized' ? null : true));
    const ended = await site.waitFor([...(report?.enqueued ?? []), ...(full === undefined ? [] : [full])].map(({ jobId }) => jobId));
    expect(ended).toMatchObject([{ jobId: full?.jobId, state: 'completed' }, { state: 'completed' }]);

    const shard = await queues.backup.getJob(`shard.${report?.enqueued[0]?.backupId ?? ''}.1`);
    expect(shard).toMatchObject({ attemptsMade: 1, attemptsStarted: 2 });
    const manifest = (await site.manifests()).find(({ backupId }) => backupId === report?.enqueued[0]?.backupId);
    if (manifest === undefined) return expect.unreachable();
    expect(manifest.archives.filter(({ kind }) => kind === 'data').map(({ key }) => key)).toEqual(['1.1', '1.2']);
    const restored = await restore(site, manifest);
    expect(resultOf(restored)).toMatchObject({ outcome: 'clean' });
    expect((await compareTrees({ left: bytes(alice), right: bytes(restored.target), content: 'hash' })).differences).toEqual([]);
  });
});

describe('a host that is drained', () => {
  it('stops what it runs at once, takes nothing new, and takes it again when it is resumed', async () => {
    const site = await testSite({ settings });
    const { queues } = site.worker.context;
    const hosts = new DrainedHosts(queues.redis);
    await makeTree(join(site.topdir, 'alice'), { dirs: 6, files: 8 });
    const dar = await stopDarAt(site.dir, { slice: 3, sliceBytes: 512 * 1024, bytes: 100_000 });
    const [report] = await site.producer.tick();
    await dar.stands();
    await hosts.drain('here', { since: new Date().toISOString(), user: null, reason: 'new disks', whenIdle: false });
    await until('it is idle', async () => ((await queues.backup.getActiveCount()) === 0 ? true : null));
    expect([...(await hosts.all()).keys()]).toEqual(['here']);
    expect(await queues.backup.getPrioritizedCount() + await queues.backup.getDelayedCount()).toBe(1);
    const waiting = site.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? []);
    expect(await hosts.resume('here')).toBe(true);
    expect(await waiting).toMatchObject([{ state: 'completed', reason: null }]);
    expect((await site.manifests())[0]?.archives.map(({ key }) => key)).toEqual(['0.1', '1.1', '1.2']);
  });
});

describe('a backup that is cancelled while dar works', () => {
  it('ends as failed, at once, and leaves nothing behind', async () => {
    const { site, run, waiting, parts } = await whileDarWorks();
    expect(await cancelRun(parts, run, 'cancelled by nobody')).toEqual([`shard.${run.id}.1`]);
    expect(await waiting).toMatchObject([{ state: 'failed' }]);
    expect(await parts.runs.read(run.id)).toMatchObject({ phase: 'failed', error: 'CANCELLED: cancelled by nobody' });
    await expect(cancelRun(parts, run, 'again')).rejects.toMatchObject({ code: 'NOTHING_TO_CANCEL' });
    await expectSwept(site);
    expect(await site.manifests()).toEqual([]);
  });

  it('names what ran, also when that saw by itself that it is over before it was told', async () => {
    const { site, run, waiting, parts } = await whileDarWorks();
    const shard = `shard.${run.id}.1`;
    const slow = Object.assign(Object.create(parts.journal) as Journal, {
      append: async (...args: Parameters<Journal['append']>) => {
        await until('the shard has ended', async () => ((await parts.queues.backup.getJobState(shard)) === 'active' ? null : true));
        return parts.journal.append(...args);
      },
    });
    expect(await cancelRun({ ...parts, journal: slow }, run, 'cancelled by nobody')).toEqual([shard]);
    expect(await waiting).toMatchObject([{ state: 'failed' }]);
    await expectSwept(site);
  });
});

async function whileDarWorks(): Promise<{ site: TestSite; run: Run; waiting: Promise<unknown>; parts: FailRunParts }> {
  const site = await testSite({ settings });
  const { queues, runs, journal } = site.worker.context;
  await makeTree(join(site.topdir, 'alice'), { dirs: 6, files: 8 });
  const dar = await stopDarAt(site.dir, { slice: 3, sliceBytes: 512 * 1024, bytes: 100_000 });
  const [report] = await site.producer.tick();
  const waiting = site.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? []);
  await dar.stands();
  const run = await runs.read(report?.enqueued[0]?.backupId ?? '');
  if (run === null) return expect.unreachable();
  return { site, run, waiting, parts: { queues, runs, journal, config: site.config, now: () => new Date() } };
}
