import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createBackends } from '../../../shared/transfer/create-backend.js';
import { sampleBytes } from '../../conformance/sample-items.js';
import { restoreDifferences, sealed } from '../../helpers/chain.js';
import { CLIENT, simulatedGlobus, type SimulatedGlobus } from '../../helpers/globus-simulator.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { explained } from '../tasks/explained.js';

it('full, incremental and restore through Globus (simulated): slices of a backup go together, a flipped bit is sent again, nothing else lies there', async () => {
  const services: SimulatedGlobus[] = [];
  const site = await testSite({
    prepare: async (dir) => {
      const archive = { id: '0b5e0c8e-0000-4000-8000-00000000a7c1', dir: join(dir, 'archive') };
      const source = { id: '0b5e0c8e-0000-4000-8000-0000000050ce', dir: join(dir, 'staging') };
      await mkdir(join(archive.dir, 'bw'), { recursive: true });
      const secretFile = join(dir, 'secret');
      await writeFile(secretFile, `${CLIENT.secret}\n`, { mode: 0o600 });
      const service = await simulatedGlobus(dir, { collections: [source, archive] });
      services.push({ ...service, archive, source });
      const sources = [{ host: 'here', dir: join(dir, 'staging'), collection: source.id, path: '/' }];
      return { lts: [{ name: 'tape', backend: 'globus', dir: '/bw', tape: true, globus: { collection: archive.id, sources, clientId: CLIENT.id, secretFile, transferUrl: service.url, authUrl: service.url } }] };
    },
  });
  const [service] = services;
  if (service === undefined) throw new Error('no service');
  await explained(site, service, thereAndBack(site, service));
});

async function thereAndBack(site: TestSite, service: SimulatedGlobus): Promise<void> {
  const alice = join(site.topdir, 'alice');
  await mkdir(join(alice, 'sub'), { recursive: true });
  for (const [name, seed] of [['kept', 1], ['changed', 2]] as const) await writeFile(join(alice, 'sub', name), sampleBytes(50_000, seed));
  service.control({ do: 'flip-bit', times: 1 });
  const full = await sealed(site, 'alice', 'full');
  await writeFile(join(alice, 'sub', 'changed'), sampleBytes(60_000, 3));
  const incremental = await sealed(site, 'alice', 'incremental');
  expect(incremental).toMatchObject({ parent: full.backupId, outcome: 'clean' });
  expect(await restoreDifferences(site, incremental, alice)).toEqual([]);
  const [backend] = createBackends(site.config);
  const named: string[] = [];
  for await (const { object } of backend?.list('') ?? []) named.push(object);
  const there = await readdir(join(service.archive.dir, 'bw'), { recursive: true, withFileTypes: true });
  expect(there.filter((entry) => entry.isFile())).toHaveLength(named.length);
  expect(named.filter((object) => object.endsWith('.dar')).length).toBeGreaterThan(1);
  await rm(join(service.archive.dir, 'bw'), { recursive: true });
}
