import { copyFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ListedBackup, Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { readJournal, type RecordOf } from '../../../shared/journal/index.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { expectSwept, filesBelow } from './leftovers.js';
import { bytes, restore, resultOf } from './restoring.js';
import { statusOf } from './site-state.js';

/** What storage does to a file that nobody reads for years. */
const DAMAGES: Readonly<Record<string, (file: string) => Promise<void>>> = {
  'a flipped bit': async (file) => {
    const content = await readFile(file);
    const middle = Math.floor(content.length / 2);
    content.writeUInt8(content.readUInt8(middle) ^ 1, middle);
    await writeFile(file, content);
  },
  'a cut off end': async (file) => {
    await truncate(file, (await readFile(file)).length - 100);
  },
  'a file that is gone': (file) => rm(file),
};
const ERRORS: Readonly<Record<string, RegExp>> = {
  'a flipped bit': /^RESTORE_OBJECT_CORRUPT: .*\n[^]*-> ./,
  'a cut off end': /^RESTORE_OBJECT_CORRUPT: .*\n[^]*-> ./,
  'a file that is gone': /^RESTORE_OBJECT_MISSING: .*\n[^]*-> ./,
};

describe('a damaged slice in long-term storage', () => {
  it.each(Object.keys(DAMAGES))('%s: of the only copy, a clear error and nothing wrong restored; mended, the restore works', async (damage) => {
    const site = await testSite();
    const manifest = await sealed(site);
    const slice = join(site.dir, 'lts', dataSlice(manifest));
    await copyFile(slice, join(site.dir, 'good-copy'));
    await DAMAGES[damage]?.(slice);
    const { ended, target } = await restore(site, manifest);
    expect(ended).toMatchObject({ state: 'failed' });
    expect(ended.reason).toMatch(ERRORS[damage] ?? /never/);
    expect(ended.reason).toContain(dataSlice(manifest));
    await expectNothingBelow(target);
    await expectSwept(site);
    await site.worker.settled();
    const records: RecordOf<'restore-ended'>[] = [];
    for await (const record of readJournal(site.catalog.journalDir, { kinds: ['restore-ended'], onProblem: () => undefined })) records.push(record);
    expect(records).toMatchObject([{ outcome: 'failed', backupId: manifest.backupId, target, error: { code: ended.reason?.split(':')[0] } }]);
    await rename(join(site.dir, 'good-copy'), slice);
    await expectRestores(site, manifest);
  });

  it.each(Object.keys(DAMAGES))('%s: of one of two copies, the other one is used', async (damage) => {
    const site = await testSite({
      prepare: async (dir) => {
        await mkdir(join(dir, 'lts-2'), { mode: 0o700 });
        return { lts: [{ name: 'first', dir: join(dir, 'lts') }, { name: 'second', dir: join(dir, 'lts-2') }] };
      },
    });
    const manifest = await sealed(site);
    await DAMAGES[damage]?.(join(site.dir, 'lts', dataSlice(manifest)));
    await expectRestores(site, manifest);
    await expectSwept(site);
  });
});

describe('a manifest that cannot be used', () => {
  it.each([
    ['cut off', 'MANIFEST_DAMAGED', (text: string) => text.slice(0, -200)],
    ['of another program', 'MANIFEST_DAMAGED', () => '{"hello": "world"}'],
    ['of a newer version', 'MANIFEST_FOREIGN', (text: string) => JSON.stringify({ ...(JSON.parse(text) as object), version: 99 })],
  ] as const)('%s: %s names the remedy; all others are listed, backed up and restored', async (_, code, change) => {
    const site = await testSite();
    const damaged = await sealed(site);
    await writeBasepath(site, 'bob');
    await site.backUp();
    const file = join(site.config.catalog.dir, 'backups', damaged.basepathId, damaged.backupId, 'manifest.json');
    const text = await readFile(file, 'utf8');
    await rm(file);
    await writeFile(file, change(text), { mode: 0o600 });

    const listed: ListedBackup[] = [];
    for await (const backup of site.catalog.listBackups()) listed.push(backup);
    expect(listed.map((backup) => (backup.ok ? 'good' : backup.error.code)).sort()).toEqual([code, 'good'].sort());
    const status = await statusOf(site);
    expect(status.get('alice')).toMatchObject({ state: 'never', damagedManifests: 1 });
    expect(status.get('bob')).toMatchObject({ state: 'ok', damagedManifests: 0 });

    const { ended, target } = await restore(site, damaged);
    expect(ended.reason).toMatch(new RegExp(`^${code}: [^]*manifest\\.json\\][^]*\\n  -> (Fetch it again from long-term storage|Use a bw-bkup at least as new)`));
    await expectNothingBelow(target);
    const good = listed.find((backup) => backup.ok);
    if (good?.ok !== true) return expect.unreachable();
    expect(resultOf(await restore(site, good.manifest))).toMatchObject({ outcome: 'clean' });

    await rm(file);
    await writeFile(file, text, { mode: 0o600 });
    await expectRestores(site, damaged);
  });
});

async function sealed(site: TestSite): Promise<Manifest> {
  await writeBasepath(site, 'alice');
  await site.backUp();
  const [manifest] = await site.manifests();
  if (manifest === undefined) throw new Error('nothing was sealed');
  return manifest;
}

async function writeBasepath(site: TestSite, name: string): Promise<void> {
  await mkdir(join(site.topdir, name));
  for (let i = 0; i < 20; i++) await writeFile(join(site.topdir, name, `file-${i}`), `content ${i} of ${name}`.repeat(50));
}

function dataSlice(manifest: Manifest): string {
  const location = manifest.archives.find(({ kind }) => kind === 'data')?.slices[0]?.locations;
  return Object.values(location ?? {})[0]?.object ?? '';
}

/** The target may have been made, empty, before the damage was found. */
async function expectNothingBelow(target: string): Promise<void> {
  expect(await filesBelow(target)).toEqual([]);
}

async function expectRestores(site: TestSite, manifest: Manifest): Promise<void> {
  const restored = await restore(site, manifest);
  expect(resultOf(restored)).toMatchObject({ outcome: 'clean', problemCount: 0 });
  const compared = await compareTrees({ left: bytes(join(site.topdir, 'alice')), right: bytes(restored.target), content: 'hash' });
  expect(compared.differences).toEqual([]);
}
