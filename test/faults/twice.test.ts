import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { QUEUES } from '../../shared/queues/names.js';
import { releaseLocks } from '../../shared/queues/release-locks.js';
import { FAST_RETRIES, type TestSite } from '../helpers/site.js';
import { until } from '../integration/bad-input/until.js';
import { faultTest } from './frame/fault-test.js';
import { holdDars } from './held-dars.js';
import { QUICK_LOOKS } from './worker-process.js';

const site = { timing: { ...FAST_RETRIES, ...QUICK_LOOKS } };

faultTest({ fault: 'run twice at the same time', state: 'dar running', name: 'a shard that is saved twice at the same time is in the backup once', site }, async (made) => {
  await writeFiles(made);
  const second = await made.addWorker('second');
  await second.context.queues.backup.waitUntilReady();
  const dars = await holdDars(made);
  const [report] = await made.producer.tick();
  await until('one is about to save it', async () => ((await dars.started()).length > 0 ? true : null));
  await giveAway(made);
  await until('whoever has it now, too', async () => ((await dars.started()).length > 1 ? true : null));
  await dars.go();
  expect(await made.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? [])).toMatchObject([{ state: 'completed', reason: null }]);
  return { sealed: { alice: 1 } };
});

faultTest({ fault: 'run twice at the same time', state: 'seal', name: 'of two workers that seal the same backup at the same time one does', site }, async (made) => {
  await writeFiles(made);
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

async function writeFiles({ topdir }: TestSite): Promise<void> {
  await mkdir(join(topdir, 'alice'));
  await writeFile(join(topdir, 'alice', 'letter'), 'dear bob');
}
