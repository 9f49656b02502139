import { join } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import { compiledProduct } from '../compiled-product.js';
import { faultTest, type FaultRun } from '../frame/fault-test.js';
import { needs } from '../../helpers/needs.js';
import { FAST_RETRIES, type TestSite } from '../../helpers/site.js';
import { edgesInCode, jobNames, unlistedMethods } from './edges-in-code.js';
import { startLine } from './line-of-workers.js';
import { NOT_REACHED } from './not-reached.js';
import { startRounds, type Rounds } from './rounds.js';
import { bundlingLts, doBundling } from './bundling.js';
import { doTasks, nothingLeft } from './tasks.js';
import { globusService } from './tasks-site.js';
import { doAllWork } from './work.js';

const product = compiledProduct(['test/faults/kill']);
/** Jobs of the dead are given back at once: no lock needs to end by itself, also on a machine that is slow. */
const timing = { ...FAST_RETRIES, lockDurationMs: 30_000, lockRenewTimeMs: 5_000, stalledIntervalMs: 300 };
const site = {
  noWorker: true,
  timing,
  settings: {
    dar: { sliceSize: '1MiB' },
    shards: { maxFiles: 10 },
    retention: { keepLast: 1, gracePeriod: '1ms', maxRemoveShare: '100%' },
    worker: { slots: 1 },
    deadLetters: { keepStaging: '1d' },
  },
};
/** BW_FAULTS=edges: before one half of the changes, after the other half. BW_FAULTS=long: before and after each. */
const LONG = process.env['BW_FAULTS'] === 'long';
const SEED = process.env['BW_SEED'] ?? '1';
/** A job may be killed twice: what is left of its edges is for the next one of its kind. */
const REPEATS = LONG ? 40 : 20;

it('every method of what outlives a worker is known as reading or writing', () => {
  expect(unlistedMethods()).toEqual([]);
});

const asked = (context: TestContext): void => { needs(context, process.env['BW_FAULTS'] !== undefined, 'BW_FAULTS=edges or BW_FAULTS=long, and minutes'); };

it('every excuse is of an edge that is in the code', () => {
  const inCode = edgesInCode();
  expect(Object.keys(NOT_REACHED).filter((edge) => !inCode.includes(edge))).toEqual([]);
});

/** What an LTS with minObject adds: dying at all other edges a second time shows nothing new. */
const BUNDLING = /bundle|snapshot|transfer-job\.ts Job\.moveToDelayed/;

/** What an LTS that takes tasks adds. */
const TASKS = /worker\/tasks\/|transfer\/globus\/|Outbox\.|restore\/recall\.ts/;

type Work = (made: TestSite, rounds: Rounds, repeat: (work: (time: number) => Promise<void>) => Promise<void>) => Promise<void>;

/** Does all work with workers that die at each chosen edge (see isChosen), and tells where they did: edges of the code, and beginnings and ends of jobs. */
async function dying(made: TestSite, run: FaultRun, only: string, doWork: Work): Promise<{ at: ReadonlySet<string>; ends: ReadonlySet<string> }> {
  const line = await startLine(product, made, timing, `${LONG ? 'both' : SEED}@${only}`);
  const producer = startRounds(made);
  const work = doWork(made, producer, async (once) => {
    for (let time = 1, died = -1; time <= REPEATS; time++) {
      const before = (await line.killed()).length;
      if (before === died) return;
      died = before;
      await once(time);
    }
  });
  await Promise.race([work, line.broken]);
  const died = await line.killed();
  for (const edge of died) run.count({ fault: 'kill -9', state: edge });
  await producer.close();
  await line.close();
  const edges = died.map((edge) => edge.replace(/ \((?:before|after)\)$/, ''));
  return { at: new Set(edges.map((edge) => edge.replace(/^[^:]+: /, ''))), ends: new Set(edges) };
}

/** Edges and ends of jobs that must be killed, of tasks, of bundling or of all else. */
function owed(part: RegExp | null): { edges: string[]; ends: string[] } {
  const ours = (edge: string): boolean => ([TASKS, BUNDLING].find((each) => each.test(edge)) ?? null) === part;
  return { edges: edgesInCode().filter((edge) => ours(edge) && !(edge in NOT_REACHED)), ends: jobNames().filter(ours).flatMap((job) => [`${job}: taken`, `${job}: completed`]) };
}

const timeoutMs = LONG ? 3_600_000 : 600_000;

faultTest({ fault: 'kill -9', state: 'every edge', name: 'a worker dies at every edge of all jobs: all work is done, once', site, needs: asked, timeoutMs }, async (made, run) => {
  const { at, ends } = await dying(made, run, '', doAllWork);
  const { edges, ends: jobs } = owed(null);
  expect(edges.filter((edge) => !at.has(edge)), 'in the code, and no worker died there').toEqual([]);
  expect(jobs.filter((end) => !ends.has(end))).toEqual([]);
  return undefined;
});

const bundling = { ...site, prepare: (dir: string) => Promise.resolve({ lts: [bundlingLts(join(dir, 'lts'))] }) };

faultTest({ fault: 'kill -9', state: 'every edge of bundling', name: 'a worker dies at every edge of bundling, of snapshots and of their sweep: all work is done, once', site: bundling, needs: asked, timeoutMs }, async (made, run) => {
  const { at, ends } = await dying(made, run, BUNDLING.source, doBundling);
  const { edges, ends: jobs } = owed(BUNDLING);
  expect(edges.filter((edge) => !at.has(edge)), 'in the code, and no worker died there').toEqual([]);
  expect(jobs.filter((end) => !ends.has(end))).toEqual([]);
  return undefined;
});

const globus = globusService();
const tasks = { ...site, settings: { ...site.settings, dar: { sliceSize: '128KiB' } }, prepare: globus.prepare };

faultTest({ fault: 'kill -9', state: 'every edge of tasks', name: 'a worker dies at every edge of transfer tasks of an asynchronous LTS: each is one task at the service, all is brought once', site: tasks, needs: asked, timeoutMs }, async (made, run) => {
  const far = { service: globus.service(), lost: [] };
  const { at } = await dying(made, run, TASKS.source, (...how) => doTasks(...how, far));
  const { edges } = owed(TASKS);
  expect(edges.filter((edge) => !at.has(edge)), 'in the code, and no worker died there').toEqual([]);
  await nothingLeft(made, far);
  return undefined;
});
