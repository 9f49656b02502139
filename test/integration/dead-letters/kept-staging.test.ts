import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import { keptForMs, stopKeeping } from '../../../shared/runs/kept.js';
import { giveUpKept } from '../../../worker/staging/give-up-kept.js';
import { sweepStaging } from '../../../worker/start-context.js';
import { backUpLevel } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { expectSwept, filesBelow } from '../bad-input/leftovers.js';
import { until, untilNone } from '../bad-input/until.js';

const MIB = 1024 * 1024;
const NAMES = ['alice', 'bob', 'carol'];

it('what a dead backup left is kept for a while, and goes earlier for room, when dismissed, or when a later one seals', async () => {
  const site = await testSite({ settings: { dar: { sliceSize: '1MiB' }, deadLetters: { keepStaging: '1h' } } });
  const { context } = site.worker;
  const { queues, runs, staging } = context;
  for (const name of NAMES) {
    await mkdir(join(site.topdir, name));
    await writeFile(join(site.topdir, name, 'random'), randomBytes(3 * MIB));
  }
  await failAll(site);
  const letters = await new DeadLetters(queues).all();
  expect(letters.map(({ code }) => code)).toEqual(NAMES.map(() => 'TRANSFER_SOURCE_CORRUPT'));
  const dead = letters.map(({ runId }) => runId).sort();
  for (const run of await runs.readAll(dead)) expect(keptForMs(run, Date.now())).toBeGreaterThan(3_000_000);
  expect(await sweepStaging(context)).toBe(0); // as when the worker starts anew
  expect((await staging.backups()).sort()).toEqual(dead);

  expect(await giveUpKept(context)).toBe(1);
  expect((await staging.backups()).sort()).toEqual(dead.slice(1));
  await stopKeeping(queues, runs, dead.slice(0, 2));
  await untilNone('the two that nobody looks into are swept', async () => [...(await staging.backups()), ...(await readdir(join(site.config.catalog.dir, 'work')))].filter((id) => id !== dead[2]));
  expect(await filesBelow(staging.backupDir(dead[2] ?? ''))).not.toEqual([]);

  const last = letters.find(({ runId }) => runId === dead[2]);
  expect(await backUpLevel(site, last?.basepathId ?? '', 'full', { path: last?.path as string })).toMatchObject({ state: 'completed' });
  await expectSwept(site);
});

/** Every backup of the round meets a slice in staging that is not what dar wrote: nothing tries that again. */
async function failAll(site: TestSite): Promise<void> {
  const { queues } = site.worker.context;
  await queues.transfer('here').pause();
  const backingUp = site.backUp();
  await until('all shards are saved', async () => ((await queues.backup.getCompletedCount()) >= NAMES.length ? true : null));
  const slices = await filesBelow(site.config.staging.dir);
  for (const file of slices.filter((each) => each.endsWith('.2.dar'))) await writeFile(file, 'spoiled');
  await queues.transfer('here').resume();
  expect((await backingUp).map(({ state }) => state)).toEqual(NAMES.map(() => 'failed'));
  await site.worker.settled();
}
