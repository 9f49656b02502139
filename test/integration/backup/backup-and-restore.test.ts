import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { JOB_VERSION, type RestoreJob } from '../../../shared/queues/job-data.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { testSite } from '../../helpers/site.js';

describe('a backup from scan to seal', () => {
  it('is sealed clean, leaves staging empty, and restores identical', async () => {
    const site = await testSite({ settings: { shards: { maxFiles: 20 } } });
    for (const user of ['alice', 'bob']) {
      await mkdir(join(site.topdir, user, 'sub'), { recursive: true });
      for (let i = 0; i < 30; i++) await writeFile(join(site.topdir, user, 'sub', `file-${i}`), `content ${user} ${i}`);
    }
    const ended = await site.backUp();
    expect(ended.map(({ state, reason }) => ({ state, reason }))).toEqual([
      { state: 'completed', reason: null },
      { state: 'completed', reason: null },
    ]);
    const manifests = await site.manifests();
    expect(manifests.map(({ outcome }) => outcome)).toEqual(['clean', 'clean']);
    const [manifest] = manifests;
    if (manifest === undefined) return expect.unreachable();
    expect(manifest.archives.filter(({ kind }) => kind === 'data').length).toBeGreaterThan(1);
    expect(await site.catalog.checkBackup(manifest)).toEqual([]);

    const target = join(site.dir, 'restore', 'r1');
    const job: RestoreJob = { v: JOB_VERSION, restoreId: ulid(), basepathId: manifest.basepathId, backupId: manifest.backupId, target, paths: [], conflict: 'refuse' };
    await site.worker.context.queues.backup.add('restore', job, { jobId: `restore.${job.restoreId}`, priority: priorityOf('restore'), attempts: 1 });
    expect(await site.waitFor([`restore.${job.restoreId}`])).toMatchObject([{ state: 'completed', reason: null }]);
    const source = manifest.source.path as string;
    const compared = await compareTrees({ left: bytePath.fromText(source), right: bytePath.fromText(target), content: 'hash' });
    expect(compared.differences).toEqual([]);
    expect(compared.compared.entries).toBe(32);
  });
});
