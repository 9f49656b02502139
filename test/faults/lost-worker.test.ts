import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../shared/catalog/index.js';
import { QUEUES } from '../../shared/queues/names.js';
import { releaseLocks } from '../../shared/queues/release-locks.js';
import { FAST_RETRIES, type SiteOptions, type TestSite } from '../helpers/site.js';
import { expectSwept, filesBelow, orphans } from '../integration/bad-input/leftovers.js';
import { until } from '../integration/bad-input/until.js';
import { compiledProduct } from './compiled-product.js';
import { faultTest } from './frame/fault-test.js';
import { changeLimits, shareOneBasepath } from './fair-workers.js';
import { holdDar, type HeldDar } from './held-dar.js';
import { descendantsOf, isAlive, QUICK_LOOKS, SHORT_LOCKS, startWorkerProcess, untilDarRuns, untilNothingRuns } from './worker-process.js';

const product = compiledProduct();
const timing = { ...FAST_RETRIES, ...QUICK_LOOKS };
const MIB = 1024 * 1024;

// Here because the product is compiled once per file.
describe('workers that share', () => {
  it('the 30 shards of one basepath use all their slots; small basepaths that come later do not wait for them', () => shareOneBasepath(product));
  it('a topdir follow its concurrency, and their bandwidth, as operators change it', () => changeLimits(product));
});

describe.each(['running', 'stopped', 'waiting for staging'])('a worker that is killed while dar is %s', (state) => {
  const options: SiteOptions = {
    noWorker: true,
    timing,
    settings: { dar: { sliceSize: '1MiB' }, shards: { maxFiles: 100 } },
    prepare: (dir) => Promise.resolve({ staging: { dir: join(dir, 'staging'), budget: state === 'waiting for staging' ? 2_800_000 : '1GiB' } }),
  };
  const name = 'no process of ours remains, another worker seals, and the killed one sweeps when it comes back';
  faultTest({ fault: 'kill -9', state: `dar ${state}`, name, site: options }, async (site) => {
    const held = await writeSlowBasepath(site, state === 'waiting for staging' ? BEHIND_BUDGET : IN_THE_MIDDLE);
    const first = await startWorkerProcess(product, site, 'first', timing);
    // What the dead host has staged waits there for ever: the backup must not wait for it.
    await site.worker.context.queues.transfer('first').pause();
    const reports = await site.producer.tick();
    const dar = await untilDarRuns(first.staging);
    await until('a slice waits to be sent', async () => ((await site.worker.context.queues.transfer('first').count()) > 0 ? true : null));
    if (state === 'stopped') process.kill(dar, 'SIGSTOP');
    if (state === 'waiting for staging') await until('staging is used up', () => isStopped(dar));
    const family = await descendantsOf(first.pid);
    expect(family).toContain(dar);
    await first.kill();
    await held.release(); // it was asked to end, and does
    await untilNothingRuns(first.staging);
    for (const pid of family) expect(await isAlive(pid)).toBe(false);

    await releaseLocks(site.worker.context.queues.redis, [QUEUES.backup]); // as if its lock had ended
    const second = await site.addWorker('second');
    const ended = await site.waitFor(reports.flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId)));
    expect(ended).toMatchObject([{ state: 'completed', reason: null }]);
    const manifest = await onlyManifest(site);
    expect(manifest).toMatchObject({ outcome: 'clean', archives: manifest.archives.map(() => ({ dar: { host: 'second' } })) });
    expect(startsIn(manifest)).toEqual([expect.stringMatching(/^s0001-t2-/) as unknown]);

    expect((await filesBelow(first.staging)).length).toBeGreaterThan(0);
    await site.worker.context.queues.transfer('first').resume();
    const again = await startWorkerProcess(product, site, 'first', timing);
    expect(await readdir(first.staging)).not.toContain('.claims-first'); // what the killed one claimed went with it
    await expectSwept(site, [first.staging, second.context.config.staging.dir]);
    await again.close();
    return { sealed: { alice: 1 } };
  });
});

describe('a worker that is suspended until its lock is lost', () => {
  const name = 'another worker seals; what the first one still does changes nothing, and is swept';
  faultTest({ fault: 'SIGSTOP until the lock is lost', state: 'dar running', name, site: { noWorker: true, timing, settings: { dar: { sliceSize: '1MiB' } } } }, async (site) => {
    const held = await writeSlowBasepath(site, IN_THE_MIDDLE);
    const zombie = await startWorkerProcess(product, site, 'zombie', { ...timing, ...SHORT_LOCKS });
    const reports = await site.producer.tick();
    const dar = await untilDarRuns(zombie.staging);
    process.kill(zombie.pid, 'SIGSTOP');
    await held.release();

    const second = await site.addWorker('second');
    const ended = await site.waitFor(reports.flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId)));
    expect(ended).toMatchObject([{ state: 'completed', reason: null }]);
    await until('the dar of the zombie is done with its archive', async () => ((await isAlive(dar)) ? null : true));
    const staged = await filesBelow(zombie.staging);
    process.kill(zombie.pid, 'SIGCONT');
    await expectSwept(site, [zombie.staging, second.context.config.staging.dir]);
    await untilNothingRuns(zombie.staging);
    await zombie.close();
    expect(await orphans(site)).toEqual([]);

    const manifest = await onlyManifest(site);
    expect(manifest.outcome).toBe('clean');
    const [start = ''] = startsIn(manifest);
    expect(startsIn(manifest)).toEqual([expect.stringMatching(/^s0001-t2-/) as unknown]);
    const slices = staged.filter((file) => file.endsWith('.dar'));
    expect(slices.length).toBeGreaterThan(0);
    expect(slices.filter((file) => file.includes(`.${start}.`) || !file.includes('.s0001-t1-'))).toEqual([]);
    return { sealed: { alice: 1 } };
  });
});

/** A slice before which the first is complete and can be sent; one before which all that may be used is. */
const [IN_THE_MIDDLE, BEHIND_BUDGET] = [3, 5];

/** Six slices; dar waits before one of them. */
async function writeSlowBasepath(site: TestSite, slice: number): Promise<HeldDar> {
  const root = join(site.topdir, 'alice');
  await mkdir(root);
  for (const name of ['a', 'b']) await writeFile(join(root, name), Buffer.alloc(3 * MIB, name));
  return holdDar(site.dir, slice);
}

async function onlyManifest(site: TestSite): Promise<Manifest> {
  const manifests = await site.manifests();
  expect(manifests).toHaveLength(1);
  const [manifest] = manifests;
  if (manifest === undefined) throw new Error('nothing was sealed');
  return manifest;
}

async function isStopped(pid: number): Promise<true | null> {
  return /^\d+ \(.*\) T /s.test(await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')) ? true : null;
}

/** Starts of shards whose archives a manifest names. */
function startsIn(manifest: Manifest): string[] {
  return [...new Set(manifest.archives.map(({ name }) => name.split('.')[2] ?? ''))];
}
