import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bundleObject } from '../../../shared/bundle/names.js';
import { begunBundles, BundlePool } from '../../../shared/bundle/bundle-pool.js';
import { itemsKey } from '../../../shared/queues/names.js';
import { ItemStore } from '../../../shared/runs/item-store.js';
import { startRedis } from '../http/redis.js';
import { FakeService } from '../tasks/fake-service.js';
import { handOverJob, savingBackup, senderOf } from '../tasks/task-site.js';
import { workspace } from '../../helpers/workspace.js';

it('brings bundles to an asynchronous LTS by tasks, and commits what is in them when they are there', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const root = await workspace();
  const { context, sender } = senderOf(redis, 'here', service);
  const bundle = { minBytes: 8_000, maxWaitMs: 3_600_000 };
  Object.assign(context, { config: { host: 'here', lts: [{ name: 'far', bundle }] }, staging: { root, account: { isTight: false }, createDirectory: (below: string) => makeDirectory(join(root, below)), shareFiles: () => Promise.resolve() } });
  const items = new ItemStore(redis);
  const backups = [];
  for (let index = 0; index < 2; index++) {
    const backup = await savingBackup(redis, 'here', 2, 2_000);
    for (const [object, item] of await items.all(backup.id)) {
      const file = join(root, object.replaceAll('/', '_'));
      const content = Buffer.alloc(2_000, object);
      await writeFile(file, content);
      await redis.hset(itemsKey(backup.id), object, JSON.stringify({ ...item, file, sha512: createHash('sha512').update(content).digest('hex') }));
    }
    backups.push(backup);
    expect(await handOverJob(context, backup)).toBe('waits');
    await sender.round();
    await sender.idle();
    expect(service.tasks).toHaveLength(index < 1 ? 0 : 1); // enough with the second one
  }
  const [task] = service.tasks;
  expect(task?.items).toMatchObject([{ object: expect.stringMatching(/^bundles\/.*\.here\.tar$/) as string }]);
  // Whoever looks meanwhile, or crashed and comes again, begins nothing anew.
  for (const backup of backups) expect(await handOverJob(context, backup)).toBe('waits');
  expect([...(await begunBundles(redis))]).toEqual([task?.items[0]?.object]); // no sweep takes it, however long this goes on
  service.deliver();
  await sender.round();
  await sender.idle();
  for (const backup of backups) expect(await handOverJob(context, backup)).toBe('done');
  expect(service.tasks).toHaveLength(1);
  for (const { id } of backups) {
    for (const [, { committed }] of await items.all(id)) expect(committed['far']).toMatchObject({ object: task?.items[0]?.object, length: 2_000 });
  }
  expect(await new BundlePool(redis, 'here', 'far').read()).toEqual({ waiting: [], plans: [] });
  expect(await begunBundles(redis)).toEqual(new Set());
  expect(await readdir(join(root, 'bundles', 'far')).catch(() => [])).toEqual([]);
});

it('finishes a bundle that a crash left, whatever became of its tar', async () => {
  const { redis } = await startRedis();
  const service = new FakeService();
  const root = await workspace();
  const { context } = senderOf(redis, 'here', service);
  Object.assign(context, { config: { host: 'here', lts: [{ name: 'far', bundle: { minBytes: 5_000, maxWaitMs: 1 } }] }, staging: { root, account: { isTight: false }, createDirectory: (below: string) => makeDirectory(join(root, below)), shareFiles: () => Promise.resolve() } });
  await mkdir(join(root, 'bundles', 'far'), { recursive: true });
  const pool = new BundlePool(redis, 'here', 'far');
  const arrived = await savingBackup(redis, 'here', 1);
  const [object = ''] = arrived.objects;
  const part = { backupId: arrived.id, object, bytes: 1_000, sha512: 'a'.repeat(128), sinceMs: 0, jobId: 'gone' };
  const bundled = bundleObject(arrived.id, 'here');
  await pool.begin({ object: bundled, parts: [part], made: { bytes: 4_096, sha512: 'b'.repeat(128) }, sent: false });
  // It had arrived: what is there counts, though its tar is gone.
  service.objects.add(bundled);
  (context.backends[0] as unknown as { verify: () => Promise<string> }).verify = () => Promise.resolve('match');
  await redis.hset(itemsKey(arrived.id), object, JSON.stringify({ ...(await context.items.get(arrived.id, [object])).get(object), file: join(root, 'gone') }));
  expect(await handOverJob(context, arrived)).toBe('done');
  expect((await context.items.get(arrived.id, [object])).get(object)?.committed['far']).toMatchObject({ object: bundled, offset: 512, length: 1_000 });
  // Never arrived: its slices wait for another one.
  const lost = await savingBackup(redis, 'here', 1);
  const own = { ...part, backupId: lost.id, object: lost.objects[0] ?? '' };
  await pool.begin({ object: bundleObject(lost.id, 'here'), parts: [own], made: { bytes: 4_096, sha512: 'c'.repeat(128) }, sent: false });
  (context.backends[0] as unknown as { verify: () => Promise<string> }).verify = () => Promise.resolve('missing');
  await handOverJob(context, lost).catch(() => undefined);
  expect((await pool.read()).plans.map(({ object: name }) => name)).not.toContain(bundleObject(lost.id, 'here'));
});

async function makeDirectory(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  return dir;
}
