import { expect, it } from 'vitest';
import { compiledProduct } from '../compiled-product.js';
import { faultTest } from '../frame/fault-test.js';
import { FAST_RETRIES } from '../../helpers/site.js';
import { SHORT_LOCKS } from '../worker-process.js';
import { edgesInCode, jobNames, unlistedMethods } from './edges-in-code.js';
import { startLine } from './line-of-workers.js';
import { NOT_REACHED } from './not-reached.js';
import { startRounds } from './rounds.js';
import { doAllWork } from './work.js';

const product = compiledProduct(['test/faults/kill']);
const timing = { ...FAST_RETRIES, ...SHORT_LOCKS };
const site = {
  noWorker: true,
  timing,
  settings: {
    dar: { sliceSize: '1MiB' },
    shards: { maxFiles: 10 },
    retention: { keepLast: 1, gracePeriod: '1ms', maxRemoveShare: '100%' },
    worker: { slots: 1 },
  },
};
/** BW_FAULTS=long: before and after every change, and again with other halves. */
const LONG = process.env['BW_FAULTS'] === 'long';
const SEED = process.env['BW_SEED'] ?? '1';
const ROUNDS = LONG ? 12 : 4;

it('every method of what outlives a worker is known as reading or writing', () => {
  expect(unlistedMethods()).toEqual([]);
});

faultTest({ fault: 'kill -9', state: 'every edge', name: 'a worker dies at every edge of all jobs: all work is done, once', site, timeoutMs: LONG ? 3_600_000 : 600_000 }, async (made, run) => {
  const line = await startLine(product, made, timing, LONG ? 'both' : SEED);
  const producer = startRounds(made);
  const died: string[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    await Promise.race([doAllWork(made, `round-${round}`), line.broken]);
    const killed = await line.killed();
    for (const edge of killed.slice(died.length)) run.count({ fault: 'kill -9', state: edge });
    if (killed.length === died.length) break;
    died.push(...killed.slice(died.length));
  }
  await producer.close();
  await line.close();
  console.error(died.length, died.join('\n'));
  const at = new Set(died.map((edge) => edge.replace(/^[^:]+: (.*) \((?:before|after)\)$/, '$1')));
  const missed = edgesInCode().filter((edge) => !at.has(edge));
  expect(missed).toEqual(Object.keys(NOT_REACHED).sort());
  const ends = new Set(died.map((edge) => edge.replace(/ \((?:before|after)\)$/, '')));
  expect(jobNames().flatMap((job) => [`${job}: taken`, `${job}: completed`]).filter((edge) => !ends.has(edge))).toEqual([]);
  return undefined;
});
