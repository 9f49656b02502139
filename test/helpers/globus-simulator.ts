import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { SimulatorOptions } from '../globus-simulator/options.js';
import { startGlobusSimulator, type GlobusSimulator } from '../globus-simulator/simulator.js';

export const CLIENT = { id: '0b5e0c8e-3f5a-4a5e-9d7e-6a1d2f3c4b5a', secret: 'simulated-client-secret' } as const;

export interface SimulatedGlobus extends GlobusSimulator {
  readonly options: SimulatorOptions;
  /** Ids of the two collections, and their directories. */
  readonly source: { readonly id: string; readonly dir: string };
  readonly archive: { readonly id: string; readonly dir: string };
}

/** A simulated Globus with two guest collections, `staging` and `archive`, below dir; not metered unless asked. Closed when the test ends. */
export async function simulatedGlobus(dir: string, more: Partial<SimulatorOptions> = {}): Promise<SimulatedGlobus> {
  const source = { id: randomUUID(), dir: join(dir, 'staging') };
  const archive = { id: randomUUID(), dir: join(dir, 'archive') };
  for (const collection of [source, archive]) await mkdir(collection.dir, { recursive: true });
  const options: SimulatorOptions = { stateDir: join(dir, 'globus-state'), clients: [CLIENT], collections: [source, archive], requestsPerSecond: 1e6, retryMs: 20, ...more };
  const simulator = await startGlobusSimulator(options);
  let open = true;
  const close = async (): Promise<void> => {
    if (open) await simulator.close();
    open = false;
  };
  onTestFinished(close);
  return { ...simulator, close, options, source, archive };
}
