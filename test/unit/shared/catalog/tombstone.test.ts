import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCatalog, realDisk, type Burial, type Catalog, type Disk } from '../../../../shared/catalog/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { faultyDisk } from './faulty-disk.js';
import { BASEPATH, backupIdOf, sampleRequest, type SampleOptions } from './sample-backup.js';

const TOMBSTONE = { removedAt: '2026-02-01T00:00:00.000Z', eraseAfter: '2026-02-08T00:00:00.000Z', reason: 'a test' };
const NOBODY = (): Promise<Map<string, string>> => Promise.resolve(new Map<string, string>());
const UNWANTED = { claims: NOBODY, isHeld: () => Promise.resolve(false) };
const MORE_STEPS_THAN_ANY = 60;
const [FULL, CHILD, GRANDCHILD] = [backupIdOf(0), backupIdOf(1), backupIdOf(2)] as const;

interface Site {
  readonly root: string;
  readonly catalog: Catalog;
  readonly seal: (options: SampleOptions, catalog?: Catalog) => Promise<unknown>;
}

async function site(): Promise<Site> {
  const dir = await workspace();
  const root = join(dir, 'catalog');
  const catalog = await openCatalog(root);
  let count = 0;
  return { root, catalog, seal: async (options, by = catalog) => by.seal(await sampleRequest(join(dir, `work${count++}`), options)) };
}

const full = { capturedDay: 0 };
const child = { capturedDay: 1, level: 'incremental', parent: FULL } as const;
const grandchild = { capturedDay: 2, level: 'incremental', parent: CHILD } as const;

const bury = (catalog: Catalog, backupIds: readonly string[], claims = NOBODY): Promise<Burial> => catalog.graves.bury({ basepathId: BASEPATH, backupIds, tombstone: TOMBSTONE }, claims);

async function living(catalog: Catalog): Promise<string[]> {
  const ids: string[] = [];
  for await (const backup of catalog.listBackups()) ids.push(backup.ok ? backup.manifest.backupId : backup.error.code);
  return ids;
}

/** Invariant 3: whatever lives has all its ancestors living. */
async function expectNobodyStranded(catalog: Catalog): Promise<void> {
  for await (const backup of catalog.listBackups()) if (backup.ok) await catalog.chain(backup.manifest);
}

/** The real disk, but before its step `at` somebody else does something, to the end. */
function interrupted(at: number, act: () => Promise<unknown>): { disk: Disk; reached: () => boolean } {
  let step = 0;
  const wrap = <A extends readonly unknown[], R>(work: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
    step += 1;
    if (step === at) await act();
    return work(...args);
  };
  const { makeDir, writeNew, copyNew, syncFile, syncDir, link, rename, unlink, removeDir } = realDisk;
  const disk: Disk = {
    makeDir: wrap(makeDir), writeNew: wrap(writeNew), copyNew: wrap(copyNew), syncFile: wrap(syncFile), syncDir: wrap(syncDir),
    link: wrap(link), rename: wrap(rename), unlink: wrap(unlink), removeDir: wrap(removeDir),
  };
  return { disk, reached: () => step >= at };
}

/** Runs `first` with `second` done before each of its steps in turn, in a new site each time. */
async function atEveryStep(prepare: (s: Site) => Promise<unknown>, first: (s: Site, by: Catalog) => Promise<unknown>, second: (s: Site) => Promise<unknown>, check: (s: Site, results: readonly unknown[]) => Promise<void>): Promise<void> {
  for (let at = 1; at < MORE_STEPS_THAN_ANY; at += 1) {
    const s = await site();
    await prepare(s);
    let other: unknown = null;
    // Opening a catalog that is there takes three steps.
    const { disk, reached } = interrupted(at + 3, async () => { other = await second(s).catch((thrown: unknown) => thrown); });
    const mine = await first(s, await openCatalog(s.root, { disk })).catch((thrown: unknown) => thrown);
    if (!reached()) return;
    await check(s, [mine, other]);
  }
  throw new Error('more steps than expected');
}

describe('bury', () => {
  it('hides a backup from every reader, and says so', async () => {
    const { catalog, seal } = await site();
    await seal(full);
    expect(await bury(catalog, [FULL])).toMatchObject({ buried: [FULL], withheld: new Map() });
    expect(await living(catalog)).toEqual([]);
    await expect(catalog.readManifest(BASEPATH, FULL)).rejects.toMatchObject({ code: 'MANIFEST_MISSING', hint: expect.stringContaining('undelete') as string });
    await expect(catalog.findBackup(FULL)).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND', hint: expect.stringContaining('undelete') as string });
    expect(await catalog.findRemoved(FULL.slice(0, 12).toLowerCase())).toEqual([BASEPATH, FULL]);
    const removed = [];
    for await (const each of catalog.listRemoved()) removed.push(each);
    expect(removed).toEqual([{ basepathId: BASEPATH, backupId: FULL, state: 'removed', tombstone: { v: 1, ...TOMBSTONE } }]);
    expect(await bury(catalog, [FULL])).toMatchObject({ buried: [], withheld: new Map() });
  });

  it('takes back what a living child needs, and all its ancestors', async () => {
    const { catalog, seal } = await site();
    for (const each of [full, child, grandchild]) await seal(each);
    expect(await bury(catalog, [CHILD, FULL])).toMatchObject({ buried: [], withheld: new Map([[CHILD, `needed by ${GRANDCHILD}`], [FULL, `needed by ${CHILD}`]]) });
    expect(await living(catalog)).toEqual([FULL, CHILD, GRANDCHILD]);
    expect((await bury(catalog, [GRANDCHILD, CHILD, FULL])).buried).toEqual([GRANDCHILD, CHILD, FULL]);
  });

  it('takes back what running work needs, asked for after the tombstones are there', async () => {
    const { catalog, seal } = await site();
    for (const each of [full, child]) await seal(each);
    const seen: string[][] = [];
    const claims = async (): Promise<Map<string, string>> => {
      seen.push(await living(catalog));
      return new Map([[CHILD, 'a restore']]);
    };
    expect(await bury(catalog, [CHILD, FULL], claims)).toMatchObject({ buried: [], withheld: new Map([[CHILD, 'a restore'], [FULL, `needed by ${CHILD}`]]) });
    expect(seen).toEqual([[]]);
    expect(await living(catalog)).toEqual([FULL, CHILD]);
  });

  it('removes nothing of a basepath with a manifest nobody can read', async () => {
    const { catalog, seal, root } = await site();
    for (const each of [full, child]) await seal(each);
    await writeFile(join(root, 'backups', BASEPATH, CHILD, 'manifest.json'), 'torn');
    expect((await bury(catalog, [FULL])).buried).toEqual([]);
  });
});

describe('seal and bury exclude each other', () => {
  it('with the burial of the parent before any step of the seal', async () => {
    const outcomes = new Set<string>();
    await atEveryStep((s) => s.seal(full), (s, by) => s.seal(child, by), (s) => bury(s.catalog, [FULL]), async (s, [mine]) => {
      outcomes.add(mine === 'sealed' ? 'sealed' : (mine as { code: string }).code);
      await expectNobodyStranded(s.catalog);
    });
    expect([...outcomes].sort()).toEqual(['SEAL_REMOVED', 'sealed']);
  });

  it('with the seal of a child before any step of the burial', async () => {
    const outcomes = new Set<string>();
    await atEveryStep((s) => s.seal(full), (_, by) => bury(by, [FULL]), (s) => s.seal(child), async (s, [mine, other]) => {
      outcomes.add(`${(mine as Burial).buried.length === 1 ? 'buried' : 'withheld'} ${other === 'sealed' ? 'sealed' : (other as { code: string }).code}`);
      await expectNobodyStranded(s.catalog);
    });
    expect([...outcomes].sort()).toEqual(['buried SEAL_REMOVED', 'withheld sealed']);
  });

  it.each([1, 2, 3, 4, 5, 6])('a burial cut off at step %i is mended or finished by who comes next', async (at) => {
    const s = await site();
    for (const each of [full, child]) await s.seal(each);
    const faulty = faultyDisk(at + 3, 'crash');
    await bury(await openCatalog(s.root, { disk: faulty.disk }), [CHILD, FULL]).catch(() => undefined);
    await expectNobodyStranded(s.catalog);
    await bury(s.catalog, [CHILD, FULL]);
    expect(await living(s.catalog)).toEqual([]);
    expect(await s.catalog.graves.undelete(BASEPATH, CHILD)).toEqual([FULL, CHILD]);
    expect(await living(s.catalog)).toEqual([FULL, CHILD]);
  });
});

describe('undelete and erase exclude each other', () => {
  const erase = async (catalog: Catalog, backupId: string): Promise<string> => {
    const begun = await catalog.graves.beginErase(BASEPATH, backupId, UNWANTED);
    if (begun === 'erasing') await catalog.graves.finishErase(BASEPATH, backupId);
    return begun;
  };
  const prepare = async (s: Site): Promise<void> => {
    for (const each of [full, child]) await s.seal(each);
    await bury(s.catalog, [CHILD, FULL]);
  };

  it('with the erasure of the parent before any step of the undelete of its child', async () => {
    const outcomes = new Set<string>();
    await atEveryStep(prepare, (_, by) => by.graves.undelete(BASEPATH, CHILD), (s) => erase(s.catalog, FULL), async (s, [mine, other]) => {
      outcomes.add(`${Array.isArray(mine) ? 'back' : (mine as { code: string }).code} ${String(other)}`);
      await expectNobodyStranded(s.catalog);
    });
    expect([...outcomes].sort()).toEqual(['UNDELETE_ERASED erasing', 'back gone']);
  });

  it('with the undelete before any step of the erasure', async () => {
    const outcomes = new Set<string>();
    await atEveryStep(prepare, (_, by) => erase(by, FULL), (s) => s.catalog.graves.undelete(BASEPATH, CHILD), async (s, [mine, other]) => {
      outcomes.add(`${String(mine)} ${Array.isArray(other) ? 'back' : (other as { code: string }).code}`);
      await expectNobodyStranded(s.catalog);
    });
    expect([...outcomes].sort()).toEqual(['erasing UNDELETE_ERASED', 'gone back', 'needed back']);
  });

  it('erases nothing that a living backup needs: it comes back', async () => {
    const s = await site();
    await prepare(s);
    await s.catalog.graves.undelete(BASEPATH, CHILD);
    // As left by a burial that was cut off before it looked.
    await writeFile(join(s.root, 'backups', BASEPATH, FULL, 'removed.json'), JSON.stringify({ v: 1, ...TOMBSTONE }));
    expect(await erase(s.catalog, FULL)).toBe('needed');
    expect(await living(s.catalog)).toEqual([FULL, CHILD]);
  });

  it.each(Array.from({ length: 14 }, (_, i) => i + 1))('an erasure cut off at step %i leaves no backup, and is finished by who comes next', async (at) => {
    const s = await site();
    await s.seal(full);
    await bury(s.catalog, [FULL]);
    const faulty = faultyDisk(at + 3, 'crash');
    await erase(await openCatalog(s.root, { disk: faulty.disk }), FULL).catch(() => undefined);
    expect(await living(s.catalog)).toEqual([]);
    await erase(s.catalog, FULL);
    await s.catalog.sweepUnsealed({ olderThanMs: 1, now: Date.now() + 86_400_000, inFlight: () => false });
    expect(await readdir(join(s.root, 'backups', BASEPATH))).toEqual([]);
  });

  it('is not undone by a late start of the backup that seals again', async () => {
    const s = await site();
    await s.seal(full);
    await bury(s.catalog, [FULL]);
    await s.catalog.graves.beginErase(BASEPATH, FULL, UNWANTED);
    await expect(s.seal(full)).rejects.toMatchObject({ code: 'SEAL_REMOVED' });
  });
});

describe('an erasure and a hold', () => {
  const prepare = async (s: Site): Promise<void> => {
    await s.seal(full);
    await bury(s.catalog, [FULL]);
  };

  it('of a held one: it stays removed, nothing of the start is left, and it can be brought back', async () => {
    const s = await site();
    await prepare(s);
    const seen: boolean[] = [];
    const isHeld = async (): Promise<boolean> => seen.push(await s.catalog.graves.isVanishing(BASEPATH, FULL)) > 0;
    const before = await readdir(join(s.root, 'backups', BASEPATH, FULL));
    expect(await s.catalog.graves.beginErase(BASEPATH, FULL, { claims: NOBODY, isHeld })).toBe('held');
    expect(seen).toEqual([true]);
    expect(await readdir(join(s.root, 'backups', BASEPATH, FULL))).toEqual(before);
    expect(await s.catalog.graves.isVanishing(BASEPATH, FULL)).toBe(false);
    expect(await s.catalog.graves.undelete(BASEPATH, FULL)).toEqual([FULL]);
  });

  it('with the hold before any step of the erasure: one that promises something is seen', async () => {
    const outcomes = new Set<string>();
    for (let at = 1; at < MORE_STEPS_THAN_ANY; at += 1) {
      const s = await site();
      await prepare(s);
      const hold = { onRecord: false, promised: false };
      const { disk, reached } = interrupted(at + 3, async () => {
        hold.onRecord = true;
        hold.promised = !(await s.catalog.graves.isVanishing(BASEPATH, FULL));
      });
      const { graves } = await openCatalog(s.root, { disk });
      const begun = await graves.beginErase(BASEPATH, FULL, { claims: NOBODY, isHeld: () => Promise.resolve(hold.onRecord) });
      if (begun === 'erasing') await graves.finishErase(BASEPATH, FULL);
      if (!reached()) break;
      outcomes.add(`${begun} ${hold.promised ? 'promised' : 'refused'}`);
    }
    expect([...outcomes].sort()).toEqual(['erasing refused', 'held promised']);
  });

  it.each(Array.from({ length: 5 }, (_, i) => i + 1))('cut off at step %i: a hold is judged right, and undelete takes what was left', async (at) => {
    const s = await site();
    await prepare(s);
    const faulty = faultyDisk(at + 3, 'crash');
    const { graves } = await openCatalog(s.root, { disk: faulty.disk });
    await graves.beginErase(BASEPATH, FULL, UNWANTED).catch(() => undefined);
    const promised = !(await s.catalog.graves.isVanishing(BASEPATH, FULL));
    const isErased = (await s.catalog.graves.stateOf(BASEPATH, FULL))?.state === 'erasing';
    expect(await s.catalog.graves.beginErase(BASEPATH, FULL, { claims: NOBODY, isHeld: () => Promise.resolve(true) })).toBe(isErased ? 'erasing' : 'held');
    if (promised) expect(isErased).toBe(false);
    if (isErased) return;
    expect(await s.catalog.graves.undelete(BASEPATH, FULL)).toEqual([FULL]);
    await bury(s.catalog, [FULL]);
    expect(await s.catalog.graves.isVanishing(BASEPATH, FULL)).toBe(false);
  });

  it('of one that is erased to the end: it is too late', async () => {
    const s = await site();
    await prepare(s);
    expect(await s.catalog.graves.beginErase(BASEPATH, FULL, UNWANTED)).toBe('erasing');
    expect(await s.catalog.graves.isVanishing(BASEPATH, FULL)).toBe(true);
    await s.catalog.graves.finishErase(BASEPATH, FULL);
    expect(await s.catalog.graves.isVanishing(BASEPATH, FULL)).toBe(true);
  });
});
