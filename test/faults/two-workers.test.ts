import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareTrees } from '../../shared/compare/index.js';
import { testSite } from '../helpers/site.js';
import { hookDar } from '../integration/bad-input/dar-hooks.js';
import { expectSwept, filesBelow } from '../integration/bad-input/leftovers.js';
import { bytes, restore, resultOf } from '../integration/bad-input/restoring.js';
import { until } from '../integration/bad-input/until.js';

describe('two workers whose staging directories cannot see each other', () => {
  it('share the shards of one basepath, and each sends its own slices', async () => {
    const site = await testSite({ settings: { shards: { maxFiles: 20 }, worker: { slots: 1, transferSlots: 1 } } });
    const there = await site.addWorker('there');
    const stagings = [site.config.staging.dir, there.context.config.staging.dir];
    const root = join(site.topdir, 'alice');
    for (let dir = 0; dir < 6; dir++) {
      await mkdir(join(root, `dir-${dir}`), { recursive: true });
      for (let i = 0; i < 19; i++) await writeFile(join(root, `dir-${dir}`, `file-${i}`), `content ${dir} ${i}`);
    }
    // The first shard of all is not saved before another one is: whoever has it cannot take them all.
    const done = `ls ${site.config.catalog.dir}/work/*/*/*.result.json >/dev/null 2>&1`;
    await hookDar(site.dir, { before: `i=0; until ${done}; do i=$((i + 1)); [ $i -lt 600 ]; sleep 0.05; done` });
    const transfer = (host: string) => site.worker.context.queues.transfer(host);
    for (const host of ['here', 'there']) await transfer(host).pause();
    const reports = await site.producer.tick();
    const waiting = site.waitFor(reports.flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId)));
    const { queues, runs } = site.worker.context;
    await until('all shards are saved', async () => {
      const [run] = await runs.running();
      return run !== undefined && run.shards >= 6 && (await queues.backup.getCompletedCount()) === run.shards ? true : null;
    });

    const staged = await Promise.all(stagings.map(slicesBelow));
    expect(staged.map((slices) => slices.length > 0)).toEqual([true, true]);
    for (const host of ['here', 'there']) await transfer(host).resume();
    expect(await waiting).toMatchObject([{ state: 'completed', reason: null }]);
    const [manifest] = await site.manifests();
    if (manifest === undefined) return expect.unreachable();
    const made = (host: string): string[] => manifest.archives.filter(({ dar }) => dar.host === host).flatMap(({ slices }) => slices.map(({ name }) => name)).sort();
    expect(made('here')).toEqual(staged[0]);
    expect(made('there')).toEqual(staged[1]);
    expect(manifest).toMatchObject({ outcome: 'clean', counts: { records: 1 + 6 * 20, exceptions: 0 } });
    await expectSwept(site, stagings);
    const restored = await restore(site, manifest);
    expect(resultOf(restored)).toMatchObject({ outcome: 'clean' });
    expect((await compareTrees({ left: bytes(root), right: bytes(restored.target), content: 'hash' })).differences).toEqual([]);
    await expectSwept(site, stagings);
  });
});

/** Names of the slices in a staging directory, without isolated catalogues. */
async function slicesBelow(dir: string): Promise<string[]> {
  const names = (await filesBelow(dir)).map((file) => file.slice(file.lastIndexOf('/') + 1));
  return names.filter((name) => name.endsWith('.dar') && !name.includes('.cat.')).sort();
}
