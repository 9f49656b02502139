import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compareTrees } from '../../../shared/compare/index.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { enqueueBackup } from '../../../producer/scheduler/enqueue.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { CLIENT, simulatedGlobus, type SimulatedGlobus } from '../../helpers/globus-simulator.js';
import { restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { orderCopy } from '../../../shared/copies/order.js';
import { until, untilNone } from '../bad-input/until.js';
import { explained } from './explained.js';
import { liveTasks } from './task-site.js';

const SOURCE = { id: '0b5e0c8e-0000-4000-8000-0000000050ce', dir: '/' };

/** A site with one LTS, behind a simulated Globus. */
async function globusSite() {
  const made: { globus?: SimulatedGlobus } = {};
  const site = await testSite({
    settings: { dar: { sliceSize: '64KiB' } },
    prepare: async (dir) => {
      const archive = { id: '0b5e0c8e-0000-4000-8000-00000000a7c1', dir: join(dir, 'lts') };
      made.globus = await simulatedGlobus(join(dir, 'far'), { collections: [SOURCE, archive], retryMs: 10 });
      const secretFile = join(dir, 'globus-secret');
      await writeFile(secretFile, `${CLIENT.secret}\n`, { mode: 0o600 });
      const { url } = made.globus;
      const globus = { collection: archive.id, clientId: CLIENT.id, secretFile, transferUrl: url, authUrl: url, sources: [{ dir: '/', collection: SOURCE.id, path: '/' }] };
      return { lts: [{ name: 'far', backend: 'globus', dir: '/', globus }] };
    },
  });
  if (made.globus === undefined) throw new Error('no simulator');
  return { site, globus: made.globus };
}

it('full, incremental and restore through Globus: slices of several backups in one task, all proven, staging given back', async () => {
  const { site, globus } = await globusSite();
  await explained(site, globus, thereAndBack(site, globus));
});

async function thereAndBack(site: TestSite, globus: SimulatedGlobus): Promise<void> {
  const users = ['alice', 'bob', 'carol'];
  for (const user of users) {
    await mkdir(join(site.topdir, user));
    for (let i = 0; i < 10; i++) await writeFile(join(site.topdir, user, `file-${String(i)}`), Buffer.alloc(20_000, `${user} ${String(i)}`));
  }
  expect((await site.backUp()).map(({ state, reason }) => [state, reason])).toEqual(users.map(() => ['completed', null]));
  const fulls = await site.manifests();
  const slices = fulls.flatMap(({ archives }) => archives.flatMap((archive) => archive.slices));
  expect(slices.length).toBeGreaterThan(9);
  expect(slices.every(({ locations }) => locations['far'] !== undefined)).toBe(true);
  const transfers = globus.tasks().filter(({ type }) => type === 'TRANSFER');
  expect(transfers.length).toBeLessThan(slices.length);
  expect(await liveTasks(site.worker.context.queues.redis)).toBe(0);
  for (const user of users) await writeFile(join(site.topdir, user, 'new'), user);
  for (const { basepathId, source } of fulls.slice(0, 1)) {
    const { queues } = site.worker.context;
    const request = { basepathId, topdir: site.topdir, path: fromPathJson(source.path), level: 'incremental', priorityClass: 'incremental', policyHash: site.config.policyHash, reason: 'test', acceptSource: false } as const;
    const { jobId } = await enqueueBackup(queues, request, Date.now());
    expect(await site.waitFor([jobId])).toMatchObject([{ state: 'completed', reason: null }]);
  }
  const manifest = (await site.manifests()).find(({ level }) => level === 'incremental');
  if (manifest === undefined) throw new Error('a manifest');
  const target = join(site.dir, 'restore', 'r1');
  expect(await restore(site, manifest, { target })).toMatchObject({ state: 'completed', reason: null });
  const { differences } = await compareTrees({ left: bytePath.fromText(manifest.source.path as string), right: bytePath.fromText(target), content: 'hash' });
  expect(differences).toEqual([]);
  // What is lost there is brought once more, although it is on record as sent.
  const { basepathId, backupId, index } = manifest;
  const lost = [index.name, 'manifest.json'].map((name) => join(site.dir, 'lts', basepathId, backupId, name));
  for (const object of lost) await rm(object);
  const { copies } = site.worker.context.queues;
  const jobId = await orderCopy(site.worker.context.queues, { basepathId, backupId, lts: 'far', repair: true });
  await until('the copy is made again', async () => ((await (await copies.getJob(jobId))?.isCompleted()) === true ? true : null));
  for (const object of lost) await access(object);
  // A restore has ended before the job that gives its staging back.
  await untilNone('staging given back', async () => (await readdir(join(site.dir, 'staging', 'here'))).filter((name) => !['files', 'bundles'].includes(name)));
}
