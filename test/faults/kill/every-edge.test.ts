import { expect, it, type TestContext } from 'vitest';
import { compiledProduct } from '../compiled-product.js';
import { faultTest } from '../frame/fault-test.js';
import { needs } from '../../helpers/needs.js';
import { FAST_RETRIES } from '../../helpers/site.js';
import { edgesInCode, jobNames, unlistedMethods } from './edges-in-code.js';
import { startLine } from './line-of-workers.js';
import { NOT_REACHED } from './not-reached.js';
import { startRounds } from './rounds.js';
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

faultTest({ fault: 'kill -9', state: 'every edge', name: 'a worker dies at every edge of all jobs: all work is done, once', site, needs: asked, timeoutMs: LONG ? 3_600_000 : 600_000 }, async (made, run) => {
  const line = await startLine(product, made, timing, LONG ? 'both' : SEED);
  const producer = startRounds(made);
  const work = doAllWork(made, producer, async (once) => {
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
  const at = new Set(died.map((edge) => edge.replace(/^[^:]+: (.*) \((?:before|after)\)$/, '$1')));
  expect(edgesInCode().filter((edge) => !at.has(edge) && !(edge in NOT_REACHED)), 'in the code, and no worker died there').toEqual([]);
  const ends = new Set(died.map((edge) => edge.replace(/ \((?:before|after)\)$/, '')));
  expect(jobNames().flatMap((job) => [`${job}: taken`, `${job}: completed`]).filter((edge) => !ends.has(edge))).toEqual([]);
  return undefined;
});
