import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { BundlePool } from '../../../shared/bundle/bundle-pool.js';
import type * as WriteBundle from '../../../shared/bundle/write-bundle.js';
import { itemsKey } from '../../../shared/queues/names.js';
import { ItemStore } from '../../../shared/runs/item-store.js';
import { createLimiter } from '../../../shared/transfer/bandwidth.js';
import { createPosixBackend } from '../../../shared/transfer/posix/posix-backend.js';
import type { WorkerContext } from '../../../worker/context.js';
import { workspace } from '../../helpers/workspace.js';
import { startRedis } from '../http/redis.js';
import { contextOf, handOverJob, savingBackup, type SampleBackup } from '../tasks/task-site.js';

type Step = (file: string) => Promise<void> | void;

/** What is done before and after each tar that is written, the first one first. */
const writing = vi.hoisted(() => ({ steps: [] as { before?: Step; after?: Step }[] }));

// As in processes of their own, which know nothing of each other.
vi.mock('../../../worker/jobs/transfer/in-turn.js', () => ({ inTurn: (_: string, work: () => Promise<unknown>) => work() }));
vi.mock('../../../shared/bundle/write-bundle.js', async (original) => {
  const real = await original<typeof WriteBundle>();
  const writeBundle: typeof real.writeBundle = async (layout, file, contentOf, signal) => {
    const { before, after } = writing.steps.shift() ?? {};
    await before?.(file);
    const made = await real.writeBundle(layout, file, contentOf, signal);
    await after?.(file);
    return made;
  };
  return { ...real, writeBundle };
});

afterEach(() => { writing.steps = []; });

interface Host {
  readonly redis: Redis;
  readonly pool: BundlePool;
  /** Where tars are written. */
  readonly tars: string;
  readonly lts: string;
  /** A worker process. */
  readonly start: () => WorkerContext;
}

async function oneHost(): Promise<Host> {
  const { redis } = await startRedis();
  const [root, lts] = [await workspace(), await workspace()];
  const bundle = { minBytes: 3_000, maxWaitMs: 3_600_000 };
  const createDirectory = async (below: string): Promise<string> => {
    await mkdir(join(root, below), { recursive: true });
    return join(root, below);
  };
  const start = (): WorkerContext => {
    const backend = createPosixBackend({ name: 'near', dir: lts, bandwidth: { write: createLimiter(null), read: createLimiter(null) } });
    const context = contextOf(redis, 'here', [backend]);
    onTestFinished(() => context.queues.close());
    return Object.assign(context, { config: { host: 'here', lts: [{ name: 'near', bundle }] }, staging: { root, account: { isTight: false }, createDirectory, shareFiles: () => Promise.resolve() } });
  };
  return { redis, pool: new BundlePool(redis, 'here', 'near'), tars: join(root, 'bundles', 'near'), lts, start };
}

/** Enough for a bundle. */
async function stagedBackup({ redis }: Host): Promise<SampleBackup & { readonly files: readonly string[] }> {
  const backup = await savingBackup(redis, 'here', 2, 2_000);
  const dir = await workspace();
  const files: string[] = [];
  for (const [object, item] of await new ItemStore(redis).all(backup.id)) {
    const content = Buffer.alloc(2_000, object);
    const file = join(dir, String(files.push(object)));
    await writeFile(file, content);
    await redis.hset(itemsKey(backup.id), object, JSON.stringify({ ...item, file, sha512: createHash('sha512').update(content).digest('hex') }));
  }
  return { ...backup, files: (await readdir(dir)).map((name) => join(dir, name)) };
}

async function expectDone(host: Host, backups: readonly SampleBackup[], bundles: number): Promise<void> {
  for (const { id } of backups) for (const [, { committed }] of await new ItemStore(host.redis).all(id)) expect(committed['near']).toMatchObject({ length: 2_000 });
  expect((await readdir(host.lts, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())).toHaveLength(bundles);
  expect(await readdir(host.tars)).toEqual([]);
  expect(await host.redis.keys('{bw}:bundle:*')).toEqual([]);
}

function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => { open = resolve; });
  return { passed, open };
}

it.each(['there', 'released'])('two processes make the same bundle, and none spoils what the other has made; its slices are %s when the second writes', async (slices) => {
  const host = await oneHost();
  const backup = await stagedBackup(host);
  const [written, begun] = [gate(), gate()];
  const first = { after: async () => { written.open(); await begun.passed; } };
  const ended: Promise<unknown>[] = [];
  const second = {
    before: async (file: string) => {
      await writeFile(file, ''); // as it opens it
      begun.open();
      await Promise.allSettled(ended);
      if (slices === 'released') for (const each of backup.files) await rm(each);
    },
  };
  writing.steps = [first, second];
  ended.push(handOverJob(host.start(), backup));
  await written.passed;
  expect(await handOverJob(host.start(), backup)).toBe('done');
  expect(await Promise.all(ended)).toEqual(['done']);
  await expectDone(host, [backup], 1);
});

it('two processes send the same bundle, which the second one found made when it had written its own', async () => {
  const host = await oneHost();
  const backup = await stagedBackup(host);
  const [written, begun, bothMade] = [gate(), gate(), gate()];
  writing.steps = [{ after: async () => { written.open(); await begun.passed; } }, { before: () => { begun.open(); }, after: () => bothMade.passed }];
  const { note } = Object.getOwnPropertyDescriptors(BundlePool.prototype);
  const noted = vi.spyOn(BundlePool.prototype, 'note').mockImplementation(async function (this: BundlePool, plan) {
    const isNoted = await (note.value as BundlePool['note']).call(this, plan);
    bothMade.open();
    return isNoted;
  });
  const first = handOverJob(host.start(), backup);
  await written.passed;
  expect(await Promise.all([first, handOverJob(host.start(), backup)])).toEqual(['done', 'done']);
  expect(noted).toHaveBeenCalledTimes(1);
  await expectDone(host, [backup], 1);
});

it('a process that looks removes what was forgotten, and not what another has begun since it looked', async () => {
  const host = await oneHost();
  const [own, other] = [await stagedBackup(host), await stagedBackup(host)];
  await mkdir(host.tars, { recursive: true });
  for (const name of ['lost.tar', 'lost.tar.writer']) await writeFile(join(host.tars, name), '');
  const [written, looked] = [gate(), gate()];
  writing.steps = [{ after: async () => { written.open(); await looked.passed; } }];
  const { read } = Object.getOwnPropertyDescriptors(BundlePool.prototype);
  const ended: Promise<unknown>[] = [];
  vi.spyOn(BundlePool.prototype, 'read').mockImplementationOnce(async function (this: BundlePool) {
    const pooled = await (read.value as BundlePool['read']).call(this);
    ended.push(handOverJob(host.start(), other));
    await written.passed;
    return pooled;
  });
  expect(await handOverJob(host.start(), own)).toBe('waits'); // its slices are in the bundle of the other
  expect((await readdir(host.tars)).filter((name) => name.startsWith('lost'))).toEqual([]);
  looked.open();
  expect(await Promise.all(ended)).toEqual(['done']);
  await expectDone(host, [own, other], 2);
});
