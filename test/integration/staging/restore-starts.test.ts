import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { LOOK_EVERY_MS, WaitingWatch } from '../../../producer/preemption/watch-waiting.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { orderRestore } from '../../helpers/restore.js';
import { testSite } from '../../helpers/site.js';
import { expectSwept } from '../bad-input/leftovers.js';
import { bytes } from '../bad-input/restoring.js';
import { until } from '../bad-input/until.js';

const BUDGET = 8 * 1024 * 1024;
/** What is kept for restores: far more than dars write before a busy machine stops them. */
const RESTORE_SHARE = 0.5;
const SLICE = 128 * 1024;

describe('a restore while every slot has a full that waits for staging', () => {
  it('gets the slot of one, fetches its slices into what is kept for restores, and ends; so do the fulls, later', async () => {
    const site = await testSite({
      settings: { dar: { sliceSize: String(SLICE), compression: 'bzip2:1', storeOnly: [] }, worker: { slots: 2, incrementalSlots: '0%' }, shards: { maxFiles: 1_000 } },
      prepare: (dir) => Promise.resolve({ staging: { dir: join(dir, 'staging'), budget: String(BUDGET), restoreShare: `${RESTORE_SHARE * 100}%` } }),
    });
    const { queues, runs, staging, backends } = site.worker.context;
    const write = async (name: string, files: number): Promise<void> => {
      await mkdir(join(site.topdir, name));
      for (let i = 0; i < files; i++) await writeFile(join(site.topdir, name, `random-${i}`), randomBytes(40_000));
    };
    await write('small', 6);
    await site.backUp();
    const [manifest] = await site.manifests();
    if (manifest === undefined) return expect.unreachable();

    // As if long-term storage were far away: what is restored goes through staging, too.
    for (const backend of backends) vi.spyOn(backend, 'capabilities').mockReturnValue({ ...backend.capabilities(), directRead: false });
    const reserved = vi.spyOn(staging, 'reserve');
    onTestFinished(() => { vi.restoreAllMocks(); });

    await queues.transfer('here').pause();
    for (const name of ['one', 'two']) await write(name, 150);
    const fulls = (await site.producer.tick()).flatMap(({ enqueued }) => enqueued).filter(({ level }) => level === 'full').map(({ jobId }) => jobId);
    expect(fulls).toHaveLength(2);
    await until('both wait for staging', async () => {
      const { pausedDars, usedBytes } = await staging.account.state();
      return pausedDars === 2 && usedBytes > (BUDGET * (1 - RESTORE_SHARE)) / 2 ? true : null;
    });

    const target = join(site.dir, 'restore', 'small');
    const jobId = await orderRestore(site, manifest, { target });
    const waiting = site.waitFor([jobId]);
    const watch = new WaitingWatch({ queues, runs, maxPerBackup: 3 });
    const looking = setInterval(() => void watch.look().catch(() => undefined), LOOK_EVERY_MS);
    onTestFinished(() => { clearInterval(looking); });
    expect(await waiting).toMatchObject([{ state: 'completed', returnValue: { outcome: 'clean' } }]);
    expect(reserved).toHaveBeenCalled();
    expect((await compareTrees({ left: bytes(join(site.topdir, 'small')), right: bytes(target), content: 'hash' })).differences).toEqual([]);
    const counts = await Promise.all(fulls.map((id) => runs.preemptions(id.slice(id.indexOf('.') + 1))));
    expect(counts.sort()).toEqual([0, 1]);

    await queues.transfer('here').resume();
    expect(await site.waitFor(fulls)).toMatchObject(fulls.map(() => ({ state: 'completed', reason: null })));
    await expectSwept(site);
  });
});
