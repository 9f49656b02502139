import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BasepathRegistry, readBasepaths, proposeId, type FoundBasepath } from '../../../../shared/basepaths/index.js';
import type { RegistryRecord } from '../../../../shared/basepaths/basepath-state.js';
import { BwError } from '../../../../shared/errors/bw-error.js';
import { openJournal, readJournal, type Journal, type JournalEntry } from '../../../../shared/journal/index.js';
import { bytePath, type BytePath } from '../../../../shared/paths/byte-path.js';
import { toPathJson } from '../../../../shared/paths/path-json.js';
import { workspace } from '../../../helpers/workspace.js';

const found = (name: string | BytePath, fields: Partial<FoundBasepath> = {}): FoundBasepath => {
  const relativePath = typeof name === 'string' && /[^\x00-\xff]/.test(name) ? bytePath.fromText(name) : bytePath.of(name);
  return { topdir: '/u/staff', relativePath, path: bytePath.join(bytePath.of('/u/staff'), relativePath), rootInode: '18446744073709551615', owner: '1000', ...fields };
};

async function site(): Promise<{ dir: string; journal: Journal; registry: BasepathRegistry; reread: () => Promise<BasepathRegistry>; written: () => Promise<JournalEntry[]> }> {
  const dir = join(await workspace(), 'journal');
  const journal = await openJournal(dir, 'w');
  const failOnProblem = (problem: unknown): never => { throw new Error(JSON.stringify(problem)); };
  return {
    dir, journal,
    registry: await readBasepaths(dir, failOnProblem),
    reread: () => readBasepaths(dir, failOnProblem),
    written: async () => {
      const entries: JournalEntry[] = [];
      for await (const record of readJournal(dir, { onProblem: failOnProblem })) entries.push(record);
      return entries;
    },
  };
}

const record = (at: string, basepathId: string, path: string): RegistryRecord =>
  ({ v: 1, at, writer: 'w', kind: 'basepath-assigned', basepathId, topdir: '/u', path, rootInode: '1', owner: '0', generation: 1 });

describe('BasepathRegistry', () => {
  it('gives a new directory an id and knows it after a restart', async () => {
    const { registry, journal, reread, written } = await site();
    const names = [found('alice'), found(bytePath.of('\xff\xfe')), found('日本')];
    const assigned = await registry.assignAll(names, journal);
    expect(assigned.map(({ finding }) => finding)).toEqual(['new', 'new', 'new']);
    const again = await reread();
    for (const [index, each] of names.entries()) {
      expect(again.byPath(each.path)).toEqual(assigned[index]?.record);
      expect(again.byId(assigned[index]?.record.basepathId ?? '')).toEqual(assigned[index]?.record);
    }
    expect(await again.assign(found('alice'), journal)).toEqual({ finding: 'known', record: assigned[0]?.record });
    expect(await written()).toHaveLength(3);
    await journal.close();
  });

  it('keeps the id of a path with another inode or owner, and puts the change on record', async () => {
    const { registry, journal, reread } = await site();
    const first = await registry.assign(found('alice'), journal);
    const changed = await registry.assign(found('alice', { rootInode: '7', owner: '2000' }), journal);
    expect(changed).toEqual({ finding: 'changed', record: { ...first.record, rootInode: '7', owner: '2000' } });
    expect((await reread()).byPath(first.record.path)).toEqual(changed.record);
    await journal.close();
  });

  it('marks deleted once, and notices a return', async () => {
    const { registry, journal, reread, written } = await site();
    const { record: alice } = await registry.assign(found('alice'), journal);
    expect(await registry.markDeleted([alice.basepathId, 'unknown'], new Date(0), journal)).toEqual([alice.basepathId]);
    expect(await registry.markDeleted([alice.basepathId], new Date(0), journal)).toEqual([]);
    expect((await reread()).byId(alice.basepathId)?.deletedAt).not.toBeNull();
    expect(await registry.assign(found('alice'), journal)).toEqual({ finding: 'returned', record: alice });
    expect((await reread()).byId(alice.basepathId)).toEqual(alice);
    expect((await written()).map(({ kind }) => kind)).toEqual(['basepath-assigned', 'basepath-seen-deleted', 'basepath-assigned']);
    await journal.close();
  });

  it('assigns the same once when asked many times at once', async () => {
    const { registry, journal, written } = await site();
    const assigned = await Promise.all([found('alice'), found('alice'), found('alice')].map((each) => registry.assign(each, journal)));
    expect(assigned.map(({ finding }) => finding)).toEqual(['new', 'known', 'known']);
    expect(await written()).toHaveLength(1);
    expect((await registry.assignAll([found('bob'), found('bob')], journal)).map(({ finding }) => finding)).toEqual(['new', 'known']);
    await journal.close();
  });

  it('forgets what the journal could not take', async () => {
    const { registry, journal } = await site();
    const failing = { appendAll: () => Promise.reject(new BwError('JOURNAL_WRITE_FAILED', { message: '', retry: 'retry', hint: '' })) } as unknown as Journal;
    await expect(registry.assignAll([found('alice'), found('bob')], failing)).rejects.toMatchObject({ code: 'JOURNAL_WRITE_FAILED' });
    expect([...registry.all()]).toEqual([]);
    const { record: alice } = await registry.assign(found('alice'), journal);
    await expect(registry.assign(found('alice', { owner: '5' }), failing)).rejects.toThrow();
    await expect(registry.markDeleted([alice.basepathId], new Date(0), failing)).rejects.toThrow();
    expect(registry.byPath(alice.path)).toEqual(alice);
    await journal.close();
  });

  it('calls nothing known that is not in the journal yet', async () => {
    const { registry, journal, written } = await site();
    let writes = 0;
    const failsOnce = {
      appendAll: async (entries: JournalEntry[]): Promise<void> => {
        await Promise.resolve();
        writes += 1;
        if (writes === 1) throw new Error('disk full');
        await journal.appendAll(entries);
      },
    } as unknown as Journal;
    const [first, second] = await Promise.allSettled([registry.assign(found('alice'), failsOnce), registry.assign(found('alice'), failsOnce)]);
    expect(first).toMatchObject({ status: 'rejected' });
    expect(second).toMatchObject({ status: 'fulfilled', value: { finding: 'new' } });
    expect(await written()).toHaveLength(1);
    await journal.close();
  });

  it('gives a path a longer hash where its id belongs to another', async () => {
    const { journal } = await site();
    const squatted = record('2026-01-01T00:00:00.000Z', proposeId('/u/staff', bytePath.of('alice')), '/u/other');
    const registry = await BasepathRegistry.fromRecords([squatted]);
    const { record: alice } = await registry.assign(found('alice'), journal);
    expect(alice.basepathId).toBe(proposeId('/u/staff', bytePath.of('alice'), 1, 8));
    await journal.close();
  });

  it('lets the first of two paths keep a disputed id and names the conflict', async () => {
    const registry = await BasepathRegistry.fromRecords([record('2026-01-01T00:00:00.000Z', 'x-1', '/u/a'), record('2026-01-02T00:00:00.000Z', 'x-1', '/u/b')]);
    expect(registry.byId('x-1')?.path).toBe('/u/a');
    expect(registry.byPath(bytePath.of('/u/b'))).toBeUndefined();
    expect(registry.conflicts).toMatchObject([{ code: 'BASEPATH_ID_CONFLICT', retry: 'operator', subject: '/u/b' }]);
  });

  it('keeps bytes that are no text through the journal', () => {
    expect(toPathJson(found(bytePath.of('\xff\xfe')).path)).toEqual({ b64: Buffer.from('/u/staff/\xff\xfe', 'latin1').toString('base64') });
  });
});
