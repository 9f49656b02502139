import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { QueueTiming } from '../../../shared/queues/options.js';
import { networkNamespace } from '../../helpers/network-namespace.js';
import { startRedisServer } from '../../helpers/redis-server.js';
import { FAST_RETRIES, testSite } from '../../helpers/site.js';
import { expectSwept } from '../../integration/bad-input/leftovers.js';
import { restore, resultOf } from '../../integration/bad-input/restoring.js';
import { stopDarAt } from '../../integration/segments/stopped-dar.js';
import { compiledProduct } from '../compiled-product.js';
import { startWorkerProcess, untilNothingRuns } from '../worker-process.js';
import { makeFewSlices, SLOW_DAR } from './redis-site.js';

const product = compiledProduct();
const timing: QueueTiming = { ...FAST_RETRIES, lockDurationMs: 10_000, lockRenewTimeMs: 1_000, stalledIntervalMs: 500 };

it('a host cut off from Redis ends its work before its lock does; another one seals, and back again it changes nothing', async (context) => {
  const network = await networkNamespace(context);
  const site = await testSite({
    noWorker: true,
    timing,
    settings: { dar: { ...SLOW_DAR, sliceSize: '1MiB' } },
    prepare: async (dir) => {
      await mkdir(join(dir, 'redis'));
      return { redis: { url: (await startRedisServer(join(dir, 'redis'), { host: network.hereAddress })).url } };
    },
  });
  await makeFewSlices(site);
  const dar = await stopDarAt(site.dir, { slice: 2, sliceBytes: 1024 * 1024, bytes: 200_000 });
  const far = await startWorkerProcess(product, site, 'far', timing, network.prefix);
  const jobs = (await site.producer.tick()).flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId));
  await dar.stands();
  await network.cut();
  const since = performance.now();
  await untilNothingRuns(far.staging);
  expect(performance.now() - since).toBeLessThan(timing.lockDurationMs);

  const near = await site.addWorker('near');
  expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
  const [manifest] = await site.manifests();
  if (manifest === undefined) return expect.unreachable();
  expect(new Set(manifest.archives.map(({ dar: { host } }) => host))).toEqual(new Set(['near']));

  await network.mend();
  await expectSwept(site, [far.staging, near.context.config.staging.dir]);
  expect(await site.manifests()).toEqual([manifest]);
  expect(resultOf(await restore(site, manifest))).toMatchObject({ outcome: 'clean' });
  await far.close();
});
