import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { QUEUES } from '../../shared/queues/names.js';
import { releaseLocks } from '../../shared/queues/release-locks.js';
import { FAST_RETRIES, type TestSite } from '../helpers/site.js';
import { until } from '../integration/bad-input/until.js';
import { faultTest } from './frame/fault-test.js';
import { SHORT_LOCKS, untilDarRuns } from './worker-process.js';

const site = { timing: { ...FAST_RETRIES, ...SHORT_LOCKS } };

faultTest({ fault: 'run twice at the same time', state: 'dar running', name: 'a shard that two workers save at the same time is in the backup once', site }, async (made) => {
  await writeBasepath(made);
  const second = await made.addWorker('second');
  await second.context.queues.backup.waitUntilReady();
  const [report] = await made.producer.tick();
  const first = await Promise.race([untilDarRuns(made.config.staging.dir), untilDarRuns(second.context.config.staging.dir)]);
  await giveAway(made);
  const other = async (): Promise<number> => Promise.any([made.config.staging.dir, second.context.config.staging.dir].map(untilDarRuns));
  expect([first, await other()].every((pid) => pid > 0)).toBe(true);
  expect(await made.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? [])).toMatchObject([{ state: 'completed', reason: null }]);
  return { sealed: { alice: 1 }, content: 'none' };
});

faultTest({ fault: 'run twice at the same time', state: 'seal', name: 'of two workers that seal the same backup at the same time one does', site }, async (made) => {
  await mkdir(join(made.topdir, 'alice'));
  await writeFile(join(made.topdir, 'alice', 'letter'), 'dear bob');
  const second = await made.addWorker('second');
  let sealing = 0;
  let sealed = 0;
  for (const { context } of [made.worker, second]) {
    const { catalog, journal } = context;
    const append = journal.appendAll.bind(journal);
    vi.spyOn(journal, 'appendAll').mockImplementation(async (records) => {
      // The other one looks for the record before it is there.
      if (records.some(({ kind }) => kind === 'sealed')) await until('both know whether they sealed', () => (sealed >= 2 ? true : null));
      return append(records);
    });
    const seal = catalog.seal.bind(catalog);
    vi.spyOn(catalog, 'seal').mockImplementation(async (request) => {
      sealing += 1;
      if (sealing === 1) await giveAway(made);
      await until('both are about to seal', () => (sealing >= 2 ? true : null));
      return seal(request).finally(() => { sealed += 1; });
    });
  }
  expect(await made.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
  expect(sealing).toBeGreaterThanOrEqual(2);
  return { sealed: { alice: 1 } };
});

/** Whoever runs a job of backups has lost it, without knowing. */
async function giveAway({ worker }: TestSite): Promise<void> {
  await releaseLocks(worker.context.queues.redis, [QUEUES.backup]);
}

/** dar needs a second or more for the hole. */
async function writeBasepath({ topdir }: TestSite): Promise<void> {
  await mkdir(join(topdir, 'alice'));
  await writeFile(join(topdir, 'alice', 'letter'), 'dear bob');
  const file = await open(join(topdir, 'alice', 'hole'), 'w');
  await file.truncate(1024 ** 3);
  await file.close();
}
