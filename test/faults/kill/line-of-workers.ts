import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { QueueTiming } from '../../../shared/queues/options.js';
import type { TestSite } from '../../helpers/site.js';
import type { CompiledProduct } from '../compiled-product.js';
import { untilNothingRuns } from '../worker-process.js';
import { killedAt, passedIn } from './choice.js';

export interface LineOfWorkers {
  /** Edges at which a worker has died, in order. */
  killed(): Promise<string[]>;
  /** Every edge that was passed, died at or not. */
  passed(): Promise<Set<string>>;
  /** Rejects when a worker ended otherwise than it should; pending as long as none does. */
  readonly broken: Promise<never>;
  /** Ends the last one, and the one that would follow it, cleanly. */
  close(): Promise<void>;
}

type End = [code: number | null, signal: string | null];

/** A worker that waits, all loaded, for its turn. */
interface Loaded {
  readonly child: ChildProcess;
  readonly exited: Promise<End>;
}

/** Most of what such a worker does in its life is to load its modules: measured 0.85 s of processor time, with these 0.68 s. */
const SHORT_LIVED = ['--no-opt', '--min-semi-space-size=16'];

/** The host that all of them have. */
export const KILLED_HOST = 'killed';

/**
 * A worker that kills itself at the first edge it comes to that no worker has died at; the next one starts at once, and dies at another one, and so on.
 * `choice`: of edges, see isChosen.
 */
export async function startLine(product: CompiledProduct, site: TestSite, timing: QueueTiming, choice: string): Promise<LineOfWorkers> {
  const host = KILLED_HOST;
  const staging = join(site.dir, `staging-${host}`);
  const passedFile = join(site.dir, 'edges-passed');
  await mkdir(staging, { recursive: true, mode: 0o700 });
  await writeFile(passedFile, '');
  const read = (): Promise<string> => readFile(passedFile, 'utf8');
  const program = join(product.dir, 'test/faults/kill/kill-worker.js');
  const load = (): Loaded => {
    const child = spawn(process.execPath, [...SHORT_LIVED, program, site.configFile, host, staging, JSON.stringify(timing), passedFile, choice], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.on('error', () => undefined); // of one that has ended: `exited` says so
    return { child, exited: once(child, 'exit') as Promise<End> };
  };
  let [active, standby] = [load(), load()];
  const over = new AbortController();
  const isOver = (): boolean => over.signal.aborted;
  onTestFinished(async () => {
    over.abort();
    for (const { child } of [active, standby]) child.kill('SIGKILL');
    await line.catch(() => undefined);
    await untilNothingRuns(staging);
  });
  const run = async (): Promise<void> => {
    for (let deaths = 0; !isOver(); deaths++) {
      active.child.stdin?.write('go\n');
      const [code, signal] = await active.exited;
      if (isOver()) return;
      if (killedAt(await read()).length !== deaths + 1) throw new Error(`a worker ended by itself: ${String(code)} ${String(signal)}`);
      active = standby;
      standby = load();
    }
  };
  const line = run();
  const broken = line.then(() => new Promise<never>(() => undefined));
  broken.catch(() => undefined); // for whoever waits for work to be done
  return {
    killed: async () => killedAt(await read()),
    passed: async () => passedIn(await read()),
    broken,
    close: async () => {
      over.abort();
      for (const { child } of [active, standby]) child.kill('SIGTERM');
      await Promise.all([active.exited, standby.exited, line]);
    },
  };
}
