import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync, promises as fs, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Job, Queue, Worker } from 'bullmq';
import { Pipeline, Redis } from 'ioredis';
import { BundlePool } from '../../../shared/bundle/bundle-pool.js';
import { Catalog } from '../../../shared/catalog/catalog.js';
import { Graveyard } from '../../../shared/catalog/tombstone.js';
import { Journal } from '../../../shared/journal/journal.js';
import { ItemStore } from '../../../shared/runs/item-store.js';
import { RunStore } from '../../../shared/runs/run-store.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { createLimiter } from '../../../shared/transfer/bandwidth.js';
import { GlobusClient } from '../../../shared/transfer/globus/client.js';
import { createGlobusBackend } from '../../../shared/transfer/globus/globus-backend.js';
import { createPosixBackend } from '../../../shared/transfer/posix/posix-backend.js';
import { Staging } from '../../../worker/staging/staging.js';
import { sourcesFile, type Sources } from '../../helpers/bundle-sources.js';
import { FS_WRITES, JOB_CODE, ONE_COMMAND_EACH, STORES } from './stores.js';

/** One moment at which a worker may die. */
export interface Passing {
  /** Name of the job, `worker` outside of jobs. */
  readonly job: string;
  /** `FILE CLASS.METHOD`, or `taken`, `completed`, `failed` of the job itself. */
  readonly at: string;
  readonly when: 'before' | 'after';
  /** Of the jobs that this worker has now, the highest number of workers that died of them. */
  readonly stalled: number;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Has every call that changes what outlives this worker told before and after it happens, without a hook in the product: methods of the classes are
 * replaced in this process. To be called before anything is made of them.
 */
export function watchEdges(onPass: (passing: Passing) => void): void {
  const running = new Set<Job>();
  const current = new AsyncLocalStorage<Job>();
  const pass = (at: string, when: Passing['when']): void => {
    onPass({ job: current.getStore()?.name ?? 'worker', at, when, stalled: Math.max(0, ...[...running].map((job) => job.stalledCounter)) });
  };
  for (const [name, prototype] of Object.entries(prototypes())) {
    for (const method of STORES[name as keyof typeof STORES].writes) watchMethod(prototype, name === 'GlobusBackend' ? 'TransferBackend' : name, method, pass);
  }
  for (const name of FS_WRITES) watchMethod(fs, 'fs', name, pass);
  syncBuiltinESMExports();
  watchJobs(current, running, pass);
}

function prototypes(): Record<keyof typeof STORES, object> {
  const posix = createPosixBackend({ name: 'none', dir: '/', bandwidth: { write: createLimiter(null), read: createLimiter(null) } });
  const nowhere = { secretFile: '/', transferUrl: 'http://127.0.0.1', authUrl: 'http://127.0.0.1', scratchDir: '/' };
  const globus = createGlobusBackend({ name: 'none', dir: '/', collection: '', sources: [], host: 'none', clientId: '', maxTasks: 1, ...nowhere });
  const ours = { GlobusClient, RunStore, ItemStore, BundlePool, TaskStore, Outbox, Catalog, Graveyard, Journal, Staging, Queue, Job, Redis, ChainableCommander: Pipeline };
  const found = Object.entries(ours).map(([name, { prototype }]) => [name, prototype as object] as const);
  return { ...Object.fromEntries(found), TransferBackend: Object.getPrototypeOf(posix) as object, GlobusBackend: Object.getPrototypeOf(globus) as object } as Record<keyof typeof STORES, object>;
}

function watchMethod(owner: object, name: string, method: string, pass: (at: string, when: Passing['when']) => void): void {
  const methods = owner as Record<string, Method | undefined>;
  const real = methods[method];
  if (real === undefined) return; // of another version of a library
  methods[method] = function (this: unknown, ...args: unknown[]): unknown {
    const file = callerFile();
    if (file === null || ((name === 'Redis' || name === 'ChainableCommander') && ONE_COMMAND_EACH.test(file))) return real.apply(this, args);
    const at = `${file} ${name}.${method}`;
    pass(at, 'before');
    const result = real.apply(this, args);
    if (!(result instanceof Promise)) return result;
    return result.then((value: unknown) => {
      pass(at, 'after');
      return value;
    });
  };
}

const FRAME = /\((?:file:\/\/)?([^()]+?):(\d+):\d+\)$|at (?:async )?(?:file:\/\/)?(\S+?):(\d+):\d+$/;

/** Whoever called a watched method: its file in the source tree when it belongs to jobs, else null. */
function callerFile(): string | null {
  const frame = new Error('where').stack?.split('\n')[3] ?? '';
  const [, inCall, callLine, alone, aloneLine] = FRAME.exec(frame) ?? [];
  const path = inCall ?? alone;
  if (path?.startsWith('/') !== true) return null;
  const file = sourceFile(path, Number(callLine ?? aloneLine));
  return JOB_CODE.test(file) ? file : null;
}

const sources = new Map<string, Sources>();

/** What a line of the bundle was made of. */
function sourceFile(path: string, line: number): string {
  let known = sources.get(path);
  if (known === undefined) {
    const file = sourcesFile(path);
    known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Sources) : { files: [], lines: [] };
    sources.set(path, known);
  }
  return known.files[known.lines[line - 1] ?? -1] ?? '';
}

/** A job is taken, and how it ended goes on record: what happens in between belongs to it. */
function watchJobs(current: AsyncLocalStorage<Job>, running: Set<Job>, pass: (at: string, when: Passing['when']) => void): void {
  const workers = Worker.prototype as unknown as { processJob: (this: unknown, job: Job, ...rest: unknown[]) => Promise<unknown> };
  const process = workers.processJob;
  workers.processJob = function (this: unknown, job: Job, ...rest: unknown[]) {
    return current.run(job, async () => {
      running.add(job);
      try {
        pass('taken', 'before');
        return await process.call(this, job, ...rest);
      } finally {
        running.delete(job);
      }
    });
  };
  const jobs = Job.prototype as unknown as Record<'moveToCompleted' | 'moveToFailed', Method>;
  for (const [method, at] of [['moveToCompleted', 'completed'], ['moveToFailed', 'failed']] as const) {
    const real = jobs[method];
    jobs[method] = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
      pass(at, 'before');
      const result = await (real.apply(this, args) as Promise<unknown>);
      pass(at, 'after');
      return result;
    };
  }
}
