import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { needsRoot } from '../../helpers/needs.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { backUpNow, statusOf } from './site-state.js';
import { expectSwept } from './leftovers.js';
import { mountTmpfs, unmount } from './mounts.js';
import { restore, resultOf } from './restoring.js';

describe('a basepath that is not there as it was', () => {
  it('empty: SOURCE_EMPTY; deleted after the scan: SOURCE_MISSING; the others are saved, and both later', async () => {
    const site = await testSite();
    await writeBasepath(site, 'carol');
    await writeBasepath(site, 'bob');
    await mkdir(join(site.topdir, 'alice'));
    const { backup } = site.worker.context.queues;
    await backup.pause();
    const reports = await site.producer.tick();
    await rename(join(site.topdir, 'bob'), join(site.dir, 'bob-moved-away'));
    await backup.resume();
    const ended = await site.waitFor(reports.flatMap((report) => report.enqueued.map(({ jobId }) => jobId)));
    expect(ended.map(({ state }) => state).sort()).toEqual(['completed', 'failed', 'failed']);
    const reasons = ended.flatMap(({ reason }) => (reason === null ? [] : [reason])).sort();
    expect(reasons).toEqual([
      expect.stringMatching(/^SOURCE_EMPTY: the source directory is empty \[.*\/alice\]\n  -> Is the filesystem mounted on this host\? An empty backup would hide/) as unknown,
      expect.stringMatching(/^SOURCE_MISSING: the source directory does not exist \[.*\/bob\]\n  -> Is the filesystem mounted on this host\? Was it renamed or removed\?/) as unknown,
    ]);
    const status = await statusOf(site);
    expect(status.get('alice')).toMatchObject({ state: 'never', lastError: { code: 'SOURCE_EMPTY' } });
    expect(status.get('bob')).toMatchObject({ state: 'never', lastError: { code: 'SOURCE_MISSING' } });
    expect(status.get('carol')).toMatchObject({ state: 'ok', lastError: null });
    await expectSwept(site);

    await rename(join(site.dir, 'bob-moved-away'), join(site.topdir, 'bob'));
    await writeFile(join(site.topdir, 'alice', 'letter'), 'dear bob');
    expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed', 'completed']);
    expect(await site.manifests()).toHaveLength(3);
  });

  it('empty, where that is allowed: sealed with its metadata and restored; what had content before is an error still', async () => {
    const site = await testSite({ settings: { limits: { allowEmpty: true } } });
    const alice = join(site.topdir, 'alice');
    await mkdir(alice);
    await chmod(alice, 0o2751);
    expect(await site.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
    const [manifest] = await site.manifests();
    if (manifest === undefined) return expect.unreachable();
    expect(manifest).toMatchObject({ outcome: 'clean', counts: { records: 1, directories: 1 }, archives: [{ kind: 'metadata' }] });
    const restored = await restore(site, manifest);
    expect(resultOf(restored)).toMatchObject({ outcome: 'clean', archives: 0 });
    expect((await stat(restored.target)).mode & 0o7777).toBe(0o2751);
    await writeFile(join(alice, 'letter'), 'dear bob');
    expect(await backUpNow(site, 'alice')).toMatchObject({ state: 'completed' });
    await rm(join(alice, 'letter'));
    expect(await backUpNow(site, 'alice')).toMatchObject({ state: 'failed', reason: expect.stringContaining('SOURCE_EMPTY') as string });
    await expectSwept(site);
  });

  it('another filesystem than before: SOURCE_CHANGED, the sealed backup stays; --accept-source saves it', async (context) => {
    needsRoot(context);
    const site = await testSite();
    const path = await writeBasepath(site, 'alice');
    await site.backUp();
    await mountTmpfs(path, '8m');
    await writeFile(join(path, 'letter'), 'of a new filesystem');

    const refused = await backUpNow(site, 'alice');
    expect(refused.state).toBe('failed');
    expect(refused.reason).toMatch(/^SOURCE_CHANGED: the source is on another filesystem than at its newest backup \[.*\/alice\]\n  then .* \(backup \w+\), now tmpfs .*\n  -> Mount the right filesystem; if the move was on purpose: bw-bkup backup --accept-source PATH\./);
    expect((await statusOf(site)).get('alice')).toMatchObject({ state: 'failed-since', lastError: { code: 'SOURCE_CHANGED' } });
    expect(await site.manifests()).toHaveLength(1);
    await expectSwept(site);

    expect(await backUpNow(site, 'alice', { acceptSource: true })).toMatchObject({ state: 'completed' });
    expect(await site.manifests()).toHaveLength(2);
    expect((await statusOf(site)).get('alice')).toMatchObject({ state: 'ok' });

    await unmount(path);
    expect(await backUpNow(site, 'alice')).toMatchObject({ state: 'failed', reason: expect.stringMatching(/^SOURCE_CHANGED: /) as unknown });
    const [first] = await site.manifests();
    if (first === undefined) return expect.unreachable();
    expect(resultOf(await restore(site, first))).toMatchObject({ outcome: 'clean' });
  });
});

describe('a topdir that does not look mounted', () => {
  it('sentinel missing, or nothing in it: a named error, and no basepath counts as deleted', async () => {
    const site = await testSite({ topdir: { sentinel: '.mounted' } });
    await writeFile(join(site.topdir, '.mounted'), '');
    await writeBasepath(site, 'alice');
    await site.backUp();

    await rename(site.topdir, join(site.dir, 'hidden'));
    await mkdir(site.topdir);
    await expectRefused(site, 'SOURCE_NOT_MOUNTED', /sentinel of the topdir is not there/);
    await writeFile(join(site.topdir, '.mounted'), '');
    await expectRefused(site, 'SOURCE_EMPTY', /no basepath found below the topdir/);
    await rm(site.topdir, { recursive: true });
    await expectRefused(site, 'SOURCE_NOT_MOUNTED', /sentinel of the topdir is not there/);

    await rename(join(site.dir, 'hidden'), site.topdir);
    expect(await backUpNow(site, 'alice')).toMatchObject({ state: 'completed' });
    expect(await site.manifests()).toHaveLength(2);
  });

  it('a sentinel is looked for where the topdir is read from', async () => {
    const site = await testSite({
      prepare: async (dir) => {
        await mkdir(join(dir, 'snapshot', 'alice'), { recursive: true });
        return { topdirs: [{ path: join(dir, 'top'), readFrom: join(dir, 'snapshot'), sentinel: '.mounted' }] };
      },
    });
    await writeBasepath(site, 'alice');
    for (const name of ['top/.mounted', 'snapshot/.mounted', 'snapshot/alice/letter']) await writeFile(join(site.dir, name), '');
    expect(await site.backUp()).toMatchObject([{ state: 'completed' }]);
    await rm(join(site.dir, 'snapshot', '.mounted'));
    await expectRefused(site, 'SOURCE_NOT_MOUNTED', /sentinel of the topdir is not there/);
  });
});

async function writeBasepath(site: TestSite, name: string): Promise<string> {
  const path = join(site.topdir, name);
  await mkdir(path);
  await writeFile(join(path, 'letter'), `from ${name}`);
  return path;
}

async function expectRefused(site: TestSite, code: string, message: RegExp): Promise<void> {
  const reports = await site.producer.tick();
  expect(reports).toMatchObject([{ found: 0, deleted: 0, enqueued: [], error: { code } }]);
  expect(reports[0]?.error?.message).toMatch(message);
  expect(reports[0]?.error?.hint).toMatch(/[Mm]ount/);
  expect((await statusOf(site)).get('alice')).toMatchObject({ state: 'ok', lastError: null });
  expect(await site.manifests()).toHaveLength(1);
}
