import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SimulatorOptions } from './options.js';
import type { TaskRecord } from './records.js';
import type { SeenRequest } from './server.js';
import type { Command } from './switches.js';

export interface SimulatorProcess {
  readonly url: string;
  readonly pid: number;
  control(command: Command): Promise<void>;
  state(): Promise<{ readonly tasks: readonly TaskRecord[]; readonly requests: readonly SeenRequest[] }>;
  /** Ends it, cleanly or by SIGKILL; started again on the same stateDir (and port) it goes on. */
  end(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts the simulator as a process of its own. `compiled`: directory with the JavaScript of the tree, `test/globus-simulator/` among it. */
export async function startSimulatorProcess(compiled: string, options: SimulatorOptions): Promise<SimulatorProcess> {
  const file = join(compiled, `globus-${Date.now()}-${Math.random().toString(36).slice(2)}.json`);
  await writeFile(file, JSON.stringify(options), { mode: 0o600 });
  const child = spawn(process.execPath, [join(compiled, 'test/globus-simulator/main.js'), file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [url] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited])) as [unknown];
  if (typeof url !== 'string' || child.pid === undefined) throw new Error('the Globus simulator did not start');
  const control = async (init: RequestInit): Promise<unknown> => (await fetch(`${url}/control`, init)).json();
  return {
    url,
    pid: child.pid,
    control: async (command) => {
      await control({ method: 'POST', body: JSON.stringify(command) });
    },
    state: async () => (await control({})) as Awaited<ReturnType<SimulatorProcess['state']>>,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
    },
  };
}
