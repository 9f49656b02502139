import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { restoreCommand } from '../../../producer/cli/restore-command.js';
import type { DryRun } from '../../../producer/cli/restore-dry-run/outputs.js';
import type { TopdirRestoreOptions } from '../../../producer/cli/topdir-restore/options.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { toPathJson } from '../../../shared/paths/path-json.js';
import { restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';

const FILES = 12;

/** A basepath whose archive has a dozen slices, of which a file takes one or two; and an incremental. */
async function slicedSite(): Promise<{ site: TestSite; newest: Manifest; fetched: Map<string, number> }> {
  const site = await testSite({ settings: { dar: { sliceSize: '1MiB', compression: 'none' }, index: { racyWindow: '1ms' } }, topdir: { schedule: { incrementalEvery: '1ms', incrementalGate: 'none' } } });
  const source = join(site.topdir, 'gert');
  for (let i = 0; i < FILES; i++) {
    await mkdir(join(source, `d${i}`), { recursive: true });
    await writeFile(join(source, `d${i}`, 'f'), randomBytes(1_000_000));
  }
  await site.backUp();
  await writeFile(join(source, 'd3', 'f'), 'smaller now');
  await site.backUp();
  const manifests = await site.manifests();
  const newest = manifests.find(({ level }) => level === 'incremental');
  if (newest === undefined) throw new Error('there is no incremental');
  const fetched = new Map<string, number>();
  const [backend] = site.worker.context.backends;
  if (backend === undefined) throw new Error('there is no LTS');
  // As of a storage that is not mounted here.
  const { directRead, ...capabilities } = backend.capabilities();
  expect(directRead).toBe(true);
  vi.spyOn(backend, 'capabilities').mockReturnValue({ ...capabilities, directRead: false });
  const fetch = backend.fetch.bind(backend);
  vi.spyOn(backend, 'fetch').mockImplementation((item, options) => {
    fetched.set(item.object, item.bytes);
    return fetch(item, options);
  });
  return { site, newest, fetched };
}

async function dryRun(site: TestSite, name: string | undefined, options: TopdirRestoreOptions): Promise<{ code: number; run: DryRun }> {
  let text = '';
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => { text += String(chunk); return true; });
  try {
    const code = await restoreCommand(name, { ...options, config: site.configFile, json: true, dryRun: true }, () => Promise.reject(new Error('a dry run starts nothing')));
    return { code, run: JSON.parse(text) as DryRun };
  } finally {
    written.mockRestore();
  }
}

const sum = (sizes: Iterable<number>): string => String([...sizes].reduce((all, each) => all + each, 0));

describe('restore --dry-run', () => {
  it('says what a restore then fetches, of all and of some paths, and changes nothing', async () => {
    const { site, newest, fetched } = await slicedSite();
    const to = join(site.dir, 'restore', 'all');
    const whole = await dryRun(site, newest.basepathId, { to });
    expect(await readdir(join(site.dir, 'restore'))).toEqual([]);
    expect(whole.run.estimate).toBeNull();
    expect(await restore(site, newest, { target: to })).toMatchObject({ state: 'completed' });
    const [lts] = whole.run.lts;
    expect(whole.code).toBe(0);
    expect(whole.run.basepaths[0]?.chain.map(({ level, archives }) => [level, archives])).toEqual([['full', 2], ['incremental', 1]]);
    expect([lts?.objects, lts?.bytes]).toEqual([fetched.size, sum(fetched.values())]);
    expect(whole.run).toMatchObject({ exact: false, fits: true, targetBytes: newest.counts.sourceBytes });

    fetched.clear();
    const path = 'd7/f';
    const part = await dryRun(site, newest.basepathId, { to: join(site.dir, 'restore', 'part'), path: [path] });
    expect(await restore(site, newest, { target: join(site.dir, 'restore', 'part'), paths: [toPathJson(bytePath.fromText(path))] })).toMatchObject({ state: 'completed' });
    expect([part.run.lts[0]?.objects, part.run.lts[0]?.bytes, part.run.exact]).toEqual([fetched.size, sum(fetched.values()), true]);
    expect(fetched.size).toBeLessThan(6);
    expect(part.run).toMatchObject({ targetBytes: '1000000', estimate: { restores: 1 } });
    await expect(dryRun(site, newest.basepathId, { to: join(site.dir, 'restore', 'x'), path: ['nowhere'] })).rejects.toMatchObject({ code: 'RESTORE_PATH_UNKNOWN' });

    const topdir = await dryRun(site, undefined, { topdir: site.topdir, to: join(site.dir, 'restore', 'topdir') });
    expect(topdir.run.lts).toEqual(whole.run.lts);
    expect(topdir.run.basepaths.map(({ name, state }) => [name, state])).toEqual([['gert', 'to-restore']]);
  });
});
