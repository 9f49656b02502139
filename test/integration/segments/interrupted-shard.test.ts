import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareTrees } from '../../../shared/compare/index.js';
import { testSite } from '../../helpers/site.js';
import { expectSwept } from '../bad-input/leftovers.js';
import { bytes, restore, resultOf } from '../bad-input/restoring.js';
import { until } from '../bad-input/until.js';
import { filesIn } from './files-in.js';
import { makeTree } from './make-tree.js';
import { stopDarAt } from './stopped-dar.js';

const DIRS = 6;
const FILES = 8;

describe('a shard whose worker is stopped in the middle of it', () => {
  it('is gone on with by another worker, which reads only what is left, and the sealed backup restores', async () => {
    const site = await testSite({ noWorker: true, settings: { worker: { slots: 1, transferSlots: 1 }, dar: { sliceSize: '512KiB', compression: 'bzip2:9' } } });
    const root = join(site.topdir, 'alice');
    await makeTree(root, { dirs: DIRS, files: FILES });
    const dar = await stopDarAt(site.dir, { slice: 4, sliceBytes: 512 * 1024, bytes: 100_000 });
    const first = await site.addWorker('first');
    const [report] = await site.producer.tick();
    const waiting = site.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? []);
    await dar.stands();
    await first.close();
    await site.addWorker('second');
    const { backup } = site.worker.context.queues;
    const shard = `shard.${report?.enqueued[0]?.backupId ?? ''}.1`;
    await until('the other worker has saved the rest', async () => ((await backup.getJobState(shard)) === 'completed' ? true : null));
    expect(await backup.getJob(shard)).toMatchObject({ attemptsMade: 1, attemptsStarted: 2 });
    await site.addWorker('first'); // it has slices yet to send
    expect(await waiting).toMatchObject([{ state: 'completed', reason: null }]);

    const [manifest] = await site.manifests();
    if (manifest === undefined) return expect.unreachable();
    expect(manifest).toMatchObject({ outcome: 'clean', counts: { records: 2 + DIRS * (FILES + 2), exceptions: 0 } });
    const data = manifest.archives.filter(({ kind }) => kind === 'data').map(({ key, dar: { host } }) => [key, host]);
    expect(data).toEqual([['1.1', 'first'], ['1.2', 'second']]);
    const [before, after] = await Promise.all(['1.1', '1.2'].map((key) => filesIn(site, manifest, key)));
    const names = Array.from({ length: DIRS }, (_, dir) => `dir-${dir}/shared`);
    expect(before?.length).toBeGreaterThan(10);
    expect(after?.filter((path) => before?.includes(path) === true && !names.includes(path))).toEqual([]);
    expect(after?.filter((path) => names.includes(path))).toEqual(names);
    expect(new Set([...(before ?? []), ...(after ?? [])]).size).toBe(1 + DIRS * (FILES + 1));

    const restored = await restore(site, manifest);
    expect(resultOf(restored)).toMatchObject({ outcome: 'clean' });
    expect((await compareTrees({ left: bytes(root), right: bytes(restored.target), content: 'hash' })).differences).toEqual([]);
    await expectSwept(site, ['first', 'second'].map((host) => join(site.dir, `staging-${host}`)));
  });
});
