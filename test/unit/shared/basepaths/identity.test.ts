// Which directory is which: reused names, renamed directories, unmounted filesystems.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { proposeRenames, readBasepaths, type BasepathRecord, type BasepathRegistry, type FoundBasepath } from '../../../../shared/basepaths/index.js';
import { openJournal, type Journal } from '../../../../shared/journal/index.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { workspace } from '../../../helpers/workspace.js';

const NOW = new Date('2026-05-01T00:00:00Z');
const LUSTRE = 'lustre:abc';

const found = (name: string, fields: Partial<FoundBasepath> = {}): FoundBasepath => {
  const relativePath = bytePath.of(name);
  return { topdir: '/u/staff', relativePath, path: bytePath.join(bytePath.of('/u/staff'), relativePath), rootInode: '100', owner: '1000', filesystem: LUSTRE, ...fields };
};

interface Site {
  readonly dir: string;
  readonly journal: Journal;
  readonly registry: BasepathRegistry;
  readonly reread: () => Promise<BasepathRegistry>;
}

async function site(): Promise<Site> {
  const dir = join(await workspace(), 'journal');
  const failOnProblem = (problem: unknown): never => { throw new Error(JSON.stringify(problem)); };
  const reread = (): Promise<BasepathRegistry> => readBasepaths(dir, failOnProblem);
  return { dir, journal: await openJournal(dir, 'w'), registry: await reread(), reread };
}

/** What a registry knows, in text. */
function shown(registry: BasepathRegistry): string[] {
  return [...registry.all()].map(({ basepathId, path, deletedAt }) => `${basepathId} ${path}${deletedAt === null ? '' : ' gone'}${registry.byPath(path)?.basepathId === basepathId ? ' *' : ''}`).sort();
}

describe('a name that was used before', () => {
  it.each([
    ['another owner', { owner: '2000' }],
    ['another root inode', { rootInode: '200' }],
  ])('gets an id of its own with %s, and the old one counts as gone', async (_, change) => {
    const { registry, journal, reread } = await site();
    const { record: old } = await registry.assign(found('alice'), journal);
    const [reused] = await registry.assignAll([found('alice', change)], journal, NOW);
    expect(reused).toMatchObject({ finding: 'reused', record: { basepathId: `${old.basepathId}-g2`, generation: 2 } });
    for (const known of [registry, await reread()]) {
      expect(shown(known)).toEqual([`${old.basepathId} /u/staff/alice gone`, `${old.basepathId}-g2 /u/staff/alice *`]);
      expect((await known.assign(found('alice', change), journal)).finding).toBe('known');
    }
    const [third] = await registry.assignAll([found('alice')], journal, NOW);
    expect(third?.record.basepathId).toBe(`${old.basepathId}-g3`);
  });

  it('also when the old one was gone for a while; the same directory returns under its id', async () => {
    const { registry, journal } = await site();
    const { record: old } = await registry.assign(found('alice'), journal);
    await registry.markDeleted([old.basepathId], NOW, journal);
    expect(await registry.assign(found('alice'), journal)).toMatchObject({ finding: 'returned', record: { basepathId: old.basepathId } });
    await registry.markDeleted([old.basepathId], NOW, journal);
    expect((await registry.assign(found('alice', { rootInode: '200' }), journal)).finding).toBe('reused');
  });

  it.each(['ext4:1', `${LUSTRE}+mount`])('keeps its id on another filesystem (%s): not mounted, or moved, and the backup looks at that', async (filesystem) => {
    const { registry, journal } = await site();
    const { record: old } = await registry.assign(found('alice'), journal);
    const changed = await registry.assign(found('alice', { filesystem, rootInode: '2', owner: '0' }), journal);
    expect(changed).toMatchObject({ finding: 'changed', record: { basepathId: old.basepathId } });
    // Mounted again.
    expect(await registry.assign(found('alice'), journal)).toMatchObject({ finding: 'changed', record: { basepathId: old.basepathId, filesystem: LUSTRE } });
  });

  it('a snapshot that shows another filesystem id each time is no change, and hides no reuse', async () => {
    const { registry, journal } = await site();
    await registry.assign(found('alice'), journal);
    expect((await registry.assign(found('alice', { filesystem: 'lustre:snapshot2' }), journal)).finding).toBe('known');
    expect((await registry.assign(found('alice', { rootInode: '200' }), journal)).finding).toBe('reused');
  });

  it('of which older records do not know the filesystem: it is put on record first', async () => {
    const { registry, journal } = await site();
    const { topdir, relativePath, path, rootInode, owner } = found('alice');
    await registry.assign({ topdir, relativePath, path, rootInode, owner }, journal);
    expect(await registry.assign(found('alice'), journal)).toMatchObject({ finding: 'changed', record: { filesystem: LUSTRE, generation: 1 } });
    expect((await registry.assign(found('alice', { owner: '2000' }), journal)).finding).toBe('reused');
  });
});

describe('a renamed directory', () => {
  const moved = async (s: Site): Promise<{ old: BasepathRecord; now: BasepathRecord }> => {
    const { record: old } = await s.registry.assign(found('alice'), s.journal);
    const { record: now } = await s.registry.assign(found('alice2'), s.journal);
    await s.registry.markDeleted([old.basepathId], NOW, s.journal);
    return { old: s.registry.byId(old.basepathId) as BasepathRecord, now };
  };

  it('is proposed by root inode and owner on the same filesystem, and by nothing less', async () => {
    const s = await site();
    const { old, now } = await moved(s);
    await s.registry.assignAll([found('x', { owner: '7' }), found('y', { rootInode: '7' }), found('z', { filesystem: 'ext4:1' })], s.journal);
    expect(proposeRenames(s.registry.all())).toEqual(new Map([[now.basepathId, old]]));
  });

  it('keeps its id and remembers its path; the id a scan gave it is retired', async () => {
    const s = await site();
    const { old, now } = await moved(s);
    await s.registry.rename(old, now, NOW, s.journal, {});
    for (const known of [s.registry, await s.reread()]) {
      expect(shown(known)).toEqual([`${now.basepathId} /u/staff/alice2 gone`, `${old.basepathId} /u/staff/alice2 *`].sort());
      expect(known.byId(old.basepathId)).toMatchObject({ formerPaths: ['/u/staff/alice'], deletedAt: null });
      expect(known.byPath(bytePath.of('/u/staff/alice'))).toBeUndefined();
      expect((await known.assign(found('alice2'), s.journal)).finding).toBe('known');
      expect(proposeRenames(known.all())).toEqual(new Map());
      expect(known.conflicts).toEqual([]);
    }
  });

  it('leaves its old name to whoever comes, under an id that nobody had', async () => {
    const s = await site();
    const { old, now } = await moved(s);
    await s.registry.rename(old, now, NOW, s.journal, {});
    const { finding, record } = await s.registry.assign(found('alice', { rootInode: '300', owner: '3000' }), s.journal);
    expect(finding).toBe('new');
    expect([old.basepathId, now.basepathId]).not.toContain(record.basepathId);
    expect((await s.reread()).byPath(bytePath.of('/u/staff/alice'))).toEqual(record);
  });

  it('is heard of by a producer that runs, whatever it has read before', async () => {
    const s = await site();
    const { old, now } = await moved(s);
    const producer = await s.reread();
    await s.registry.rename(old, now, NOW, s.journal, {});
    const failOnProblem = (problem: unknown): never => { throw new Error(JSON.stringify(problem)); };
    for (let again = 0; again < 2; again++) {
      await producer.refresh(s.dir, 0, failOnProblem);
      expect(shown(producer)).toEqual(shown(s.registry));
      expect(producer.conflicts).toEqual([]);
    }
  });

  it('may come back under its own name: a restored home that goes on', async () => {
    const { registry, journal, reread } = await site();
    const { record: old } = await registry.assign(found('alice'), journal);
    const [restored] = await registry.assignAll([found('alice', { rootInode: '200' })], journal, NOW);
    await registry.rename(registry.byId(old.basepathId) as BasepathRecord, restored?.record as BasepathRecord, NOW, journal, {});
    for (const known of [registry, await reread()]) {
      expect(known.byPath(old.path)).toMatchObject({ basepathId: old.basepathId, rootInode: '200', deletedAt: null, formerPaths: [] });
      expect((await known.assign(found('alice', { rootInode: '200' }), journal)).finding).toBe('known');
    }
  });
});
