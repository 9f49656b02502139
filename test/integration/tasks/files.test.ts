import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { walk } from '../../../shared/reconcile/walk.js';
import type { WorkerContext } from '../../../worker/context.js';
import { StagingAccount } from '../../../worker/staging/account.js';
import { diskUse } from '../../../worker/staging/disk-use.js';
import { StagingArea } from '../../../worker/staging/staging-area.js';
import { Staging } from '../../../worker/staging/staging.js';
import { sendFiles } from '../../../worker/tasks/send-files.js';
import { TaskSender } from '../../../worker/tasks/task-sender.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { workspace } from '../../helpers/workspace.js';
import { startRedis } from '../http/redis.js';
import { fakeBackend, FakeService } from './fake-service.js';
import { AT_ONCE, contextOf, logger } from './task-site.js';

const HOUR = 3_600_000;

/** A worker of this host, as far as it sends files, with staging of its own. */
async function siteOf(redis: Redis) {
  const [service, dir] = [new FakeService(), await workspace()];
  const backend = fakeBackend(service);
  const bare = contextOf(redis, 'here', [backend]);
  const account = new StagingAccount({ dir, host: 'here', budgetBytes: 1e9, reserveBytes: 0, logger } as unknown as ConstructorParameters<typeof StagingAccount>[0]);
  const staging = new Staging(dir, 'here', account);
  const context: WorkerContext = { ...bare, staging, config: { ...bare.config, staging: { dir } } as unknown as WorkerContext['config'] };
  const sender = new TaskSender(context, AT_ONCE);
  return {
    service, staging, context,
    send: (item: Awaited<ReturnType<typeof sampleItem>>, signal: AbortSignal) => sendFiles(context, { backend, items: [item], key: 'k', signal }),
    round: async () => { await sender.round(); await sender.idle(); },
    underWay: () => service.alive().flatMap(({ items }) => items.map(({ file }) => file)),
    /** As the sweep sees it in an hour. */
    sweep: async () => {
      const area = new StagingArea({ ...context, now: () => new Date(Date.now() + HOUR) });
      for await (const finding of walk(area, { dryRun: false, onProblem: (_, thrown) => { throw thrown; } })) expect(finding.state).toBe('repaired');
    },
    files: () => readdir(join(staging.root, 'files')),
  };
}

it('a file that a live task reads stays until the task is settled, whoever is stopped, begins anew or sweeps', async () => {
  const { redis } = await startRedis();
  const site = await siteOf(redis);
  const content = sampleBytes(1000);
  const own = join(site.staging.root, 'bundles');
  await mkdir(own, { recursive: true });
  const item = await sampleItem(own, 'alice/b/manifest.json', content);
  const stop = new AbortController();
  const first = site.send(item, stop.signal);
  await expect.poll(async () => { await site.round(); return site.underWay().length; }).toBe(1);
  stop.abort();
  expect((await first).map(({ state }) => state)).toEqual(['cancelled']);
  await rm(item.file); // whoever made it
  await site.sweep();
  const [file = ''] = site.underWay();
  expect((await readFile(file)).equals(content)).toBe(true);

  await writeFile(item.file, content);
  expect(await diskUse(site.staging.root)).toBe(2000); // another file now
  const second = site.send(item, new AbortController().signal);
  await site.round();
  expect([site.underWay(), await site.files()]).toEqual([[file], [file.slice(-40)]]); // the same task brings it
  site.service.deliver();
  await site.round();
  expect((await second).map(({ state, item: { file: of } }) => [state, of])).toEqual([['committed', item.file]]);
  expect([await site.files(), site.service.tasks.length]).toEqual([[], 1]);
});

it('what nobody waits for any more is swept after its task, and not before; a file that takes its room twice counts once', async () => {
  const { redis } = await startRedis();
  const site = await siteOf(redis);
  await mkdir(join(site.staging.root, 'bundles'), { recursive: true });
  const item = await sampleItem(join(site.staging.root, 'bundles'), 'alice/b/SHA512SUMS', sampleBytes(1000));
  const stop = new AbortController();
  const sending = site.send(item, stop.signal);
  await expect.poll(async () => { await site.round(); return site.underWay().length; }).toBe(1);
  expect(await diskUse(site.staging.root)).toBe(1000);
  stop.abort();
  await sending;
  await site.sweep();
  expect(await site.files()).toHaveLength(1);
  site.service.deliver();
  await site.round();
  await site.sweep();
  expect(await site.files()).toEqual([]);
});

it('a source that is gone is told of that item, and keeps nothing from the others', async () => {
  const { redis } = await startRedis();
  const site = await siteOf(redis);
  const dir = await workspace();
  const [good, gone] = [await sampleItem(dir, 'a/b/good', sampleBytes(10)), await sampleItem(dir, 'a/b/gone', sampleBytes(20, 2))];
  await rm(gone.file);
  const [backend] = site.context.backends;
  if (backend === undefined) throw new Error('one');
  const sending = sendFiles(site.context, { backend, items: [gone, good], key: 'k' });
  await expect.poll(async () => { await site.round(); return site.underWay().length; }).toBe(1);
  site.service.deliver();
  await site.round();
  expect((await sending).map(({ item, state, error }) => [item.object, state, error?.code])).toEqual([['a/b/gone', 'failed', 'TRANSFER_SOURCE_MISSING'], ['a/b/good', 'committed', undefined]]);
});
