import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readJournal, type RecordOf } from '../../shared/journal/index.js';
import { newestOf } from '../../shared/runs/newest.js';
import { rebuildIndex } from '../../shared/runs/rebuild-index.js';
import { sweepStaging } from '../../worker/start-context.js';
import { FAST_RETRIES, testSite, type TestSite } from '../helpers/site.js';
import { expectSwept } from '../integration/bad-input/leftovers.js';
import { restore, resultOf } from '../integration/bad-input/restoring.js';
import { lastPart, statusOf } from '../integration/bad-input/site-state.js';
import { holdDar } from './held-dar.js';
import { QUICK_LOOKS, untilDarRuns, untilNothingRuns } from './worker-process.js';

describe('a Redis that loses everything', () => {
  it('while dar runs: nothing is sealed; after a rebuild the next round saves all, and what was left is swept', async () => {
    const site = await testSite({ timing: { ...FAST_RETRIES, ...QUICK_LOOKS }, settings: { dar: { sliceSize: '1MiB' } } });
    await mkdir(join(site.topdir, 'bob'));
    await writeFile(join(site.topdir, 'bob', 'letter'), 'dear alice');
    await site.backUp();
    await mkdir(join(site.topdir, 'alice'));
    await writeFile(join(site.topdir, 'alice', 'song'), Buffer.alloc(5 * 1024 ** 2, 'la '));
    const held = await holdDar(site.dir, 3);
    const [report] = await site.producer.tick();
    expect(report?.enqueued).toHaveLength(1);
    await untilDarRuns(site.config.staging.dir);
    const { redis } = site.worker.context.queues;
    await redis.flushall();
    await held.release();
    await untilNothingRuns(site.config.staging.dir);
    expect((await site.manifests()).map(({ source }) => source.path)).toEqual([join(site.topdir, 'bob')]);

    const rebuilt = await rebuildIndex(redis, site.catalog);
    expect(rebuilt).toMatchObject({ backups: 1, basepaths: 1, problems: [] });
    const [bob] = await site.manifests();
    if (bob === undefined) return expect.unreachable();
    expect((await newestOf(redis, bob.basepathId))?.backupId).toBe(bob.backupId);
    expect(await site.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
    const manifests = await site.manifests();
    expect(manifests.map(({ source }) => lastPart(source.path)).sort()).toEqual(['alice', 'bob']);
    expect((await statusOf(site)).get('alice')).toMatchObject({ state: 'ok' });

    await agedWork(site, report?.enqueued[0]?.backupId ?? '');
    await site.producer.tick();
    await sweepStaging(site.worker.context);
    await expectSwept(site);
    // It was made good before its end went on record: that is no failure any more, and nobody's alarm.
    const lost = (await ends(site)).filter(({ error }) => error !== null);
    expect(lost).toMatchObject([{ backupId: report?.enqueued[0]?.backupId, outcome: 'interrupted', error: { code: 'JOB_GONE' } }]);
    expect((await site.producer.reconcile()).findings.filter(({ kind }) => ['letter-missing', 'failures-stale'].includes(kind))).toEqual([]);
    expect((await statusOf(site)).get('alice')).toMatchObject({ state: 'ok', lastError: null });
    for (const manifest of manifests) expect(resultOf(await restore(site, manifest))).toMatchObject({ outcome: 'clean' });
  });
});

/** As if the work that is left of a backup had not been touched for an hour. */
async function agedWork(site: TestSite, backupId: string): Promise<void> {
  const work = join(site.config.catalog.dir, 'work', backupId);
  const hourAgo = new Date(Date.now() - 3_600_000);
  for (const start of await readdir(work)) await utimes(join(work, start), hourAgo, hourAgo);
}

async function ends(site: TestSite): Promise<RecordOf<'attempt-ended'>[]> {
  const records: RecordOf<'attempt-ended'>[] = [];
  for await (const record of readJournal(site.catalog.journalDir, { kinds: ['attempt-ended'], onProblem: () => undefined })) records.push(record);
  return records;
}
