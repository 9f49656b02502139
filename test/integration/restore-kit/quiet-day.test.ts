import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import { expect, it } from 'vitest';
import type { Manifest, ObjectLocation, StoredFile } from '../../../shared/catalog/index.js';
import { refreshNewest } from '../../../shared/runs/newest.js';
import { refreshKitJob } from '../../../worker/jobs/cleanup/refresh-kit-job.js';
import { testSite } from '../../helpers/site.js';
import { backupIdOf, sampleRequest } from '../../unit/shared/catalog/sample-backup.js';

/** As it seals with minObject: slices in a bundle, our own files in another one that no manifest names. */
function bundled(manifest: Manifest, archives: Manifest['archives']): Manifest {
  const nowhere = (file: StoredFile): StoredFile => ({ ...file, locations: {} });
  const tape: ObjectLocation = { object: 'bundles/2026-01-01/01.here.tar', offset: 512, length: 10 };
  return {
    ...manifest,
    index: nowhere(manifest.index),
    logs: manifest.logs.map(nowhere),
    archives: archives.map((archive) => ({ ...archive, slices: archive.slices.map((slice) => ({ ...slice, locations: { tape } })), catalogue: archive.catalogue === null ? null : nowhere(archive.catalogue) })),
  };
}

it('the restore kit of an LTS with minObject lists the backup of a day on which nothing had changed', async () => {
  const site = await testSite({
    noWorker: true,
    prepare: async (dir) => {
      for (const name of ['tape', 'later']) await mkdir(join(dir, name), { mode: 0o700 });
      return { lts: [{ name: 'tape', dir: join(dir, 'tape'), minObject: '1MiB' }, { name: 'later', dir: join(dir, 'later') }] };
    },
  });
  const { context } = site.worker;
  for (const day of [0, 1]) {
    const { manifest, files } = await sampleRequest(join(site.dir, `made-${day}`), day === 0 ? {} : { capturedDay: day, level: 'incremental', start: '2abcdef' });
    const catalogue = manifest.archives[0]?.catalogue?.name;
    const isThere = ({ name }: { readonly name: string }): boolean => day === 0 || name !== catalogue;
    await site.catalog.seal({ manifest: bundled(manifest, day === 0 ? manifest.archives : []), files: files.filter(isThere) });
    await refreshNewest(context.queues.redis, site.catalog, manifest.basepathId, (error) => { throw error; });
  }
  const { signal } = new AbortController();
  await refreshKitJob(context, { job: { id: 'kit', data: {} } as unknown as Job, token: '', signal, hurry: signal, giveWay: () => Promise.resolve(), stop: () => undefined, maxPauseMs: 60_000, logger: context.logger });
  const listed = async (lts: string): Promise<string[]> => (await readFile(join(site.dir, lts, 'restore-kit', 'backups.tsv'), 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(await listed('tape')).toEqual([expect.stringContaining(backupIdOf(1))]);
  expect(await listed('later')).toEqual([]);
});
