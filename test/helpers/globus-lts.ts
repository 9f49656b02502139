import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGlobusBackend, type GlobusBackend, type GlobusOptions } from '../../shared/transfer/globus/globus-backend.js';
import type { SimulatorOptions } from '../globus-simulator/options.js';
import { CLIENT, simulatedGlobus, type SimulatedGlobus } from './globus-simulator.js';

export interface GlobusLts {
  readonly backend: GlobusBackend;
  readonly globus: SimulatedGlobus;
  /** Another one on the same service, as another process has it. */
  readonly again: (more?: Partial<GlobusOptions>) => GlobusBackend;
  /** Directory of the LTS. */
  readonly dir: string;
  readonly secretFile: string;
}

/** A backend, and a simulated service of its own, below `root`. Every local file is one of the source collection; an error that waiting does not mend is given up at once. */
export async function globusLts(root: string, more: Partial<GlobusOptions> = {}, simulated: Partial<SimulatorOptions> = {}): Promise<GlobusLts> {
  const archive = { id: '0b5e0c8e-0000-4000-8000-00000000a7c1', dir: join(root, 'archive') };
  const source = { id: '0b5e0c8e-0000-4000-8000-0000000050ce', dir: '/' };
  const dir = join(archive.dir, 'bw');
  await mkdir(dir, { recursive: true });
  const secretFile = join(root, 'secret');
  await writeFile(secretFile, `${CLIENT.secret}\n`, { mode: 0o600 });
  const globus = await simulatedGlobus(root, { collections: [source, archive], retryMs: 10, ...simulated });
  const again = (other: Partial<GlobusOptions> = {}): GlobusBackend => createGlobusBackend({
    name: 'nearline', dir: '/bw', collection: archive.id, sources: [{ host: null, dir: '/', collection: source.id, path: '/' }], host: 'ie01',
    scratchDir: join(root, 'scratch'), clientId: CLIENT.id, secretFile, transferUrl: globus.url, authUrl: globus.url,
    maxTasks: 3, callsPerSecond: null, pollMs: 2, stuckAfterMs: 0, ...more, ...other,
  });
  return { backend: again(), globus: { ...globus, source, archive }, again, dir, secretFile };
}
