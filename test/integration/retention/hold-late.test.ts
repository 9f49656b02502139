// Holds that come while an erase job runs: one that promises something is kept, one that comes too late says so.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi, type MockInstance } from 'vitest';
import type { z } from 'zod';
import { holdCommand } from '../../../producer/cli/removal/hold-command.js';
import { holdOutput } from '../../../producer/cli/removal/outputs.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { JOB_VERSION } from '../../../shared/queues/job-data.js';
import { readProtections } from '../../../shared/retention/protections.js';
import { sealed } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { drained } from './drained.js';

interface Removed {
  readonly site: TestSite;
  readonly backups: readonly Manifest[];
  /** All of them in one job, in this order. */
  readonly erase: (backups: readonly Manifest[]) => Promise<void>;
  readonly hold: (name: string) => Promise<{ code: number; output: z.infer<typeof holdOutput> }>;
  /** Does something once, before the first object of a backup is removed. */
  readonly beforeRemoval: (of: Manifest, act: () => Promise<unknown>) => void;
}

/** Of one basepath, the last one kept, all others removed and due. */
async function removed(levels: readonly ('full' | 'incremental')[]): Promise<Removed> {
  const site = await testSite({ settings: { retention: { keepLast: 1, gracePeriod: '1ms', maxRemoveShare: '100%' } } });
  await mkdir(join(site.topdir, 'alice'));
  const all: Manifest[] = [];
  for (const [i, level] of [...levels, 'full' as const].entries()) {
    await writeFile(join(site.topdir, 'alice', String(i)), String(i));
    all.push(await sealed(site, 'alice', level));
  }
  await site.producer.prune();
  const stdout = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => { stdout.mockRestore(); });
  return { site, backups: all.slice(0, -1), ...actions(site, stdout) };
}

function actions(site: TestSite, stdout: MockInstance<typeof process.stdout.write>): Pick<Removed, 'erase' | 'hold' | 'beforeRemoval'> {
  const { queues, backends } = site.worker.context;
  return {
    erase: async (backups) => {
      await queues.erasing.add('erase', { v: JOB_VERSION, backups: backups.map(({ basepathId, backupId }) => ({ basepathId, backupId })) });
      await drained(site);
    },
    hold: async (name) => {
      stdout.mockClear();
      const code = await holdCommand(name, { config: site.configFile, json: true, reason: 'lawyers' });
      return { code, output: holdOutput.parse(JSON.parse(String(stdout.mock.calls[0]?.[0]))) };
    },
    beforeRemoval: ({ backupId }, act) => {
      const [backend] = backends;
      if (backend === undefined) throw new Error('no LTS');
      const remove = backend.remove.bind(backend);
      let isDone = false;
      vi.spyOn(backend, 'remove').mockImplementation(async (objects) => {
        if (!isDone && objects.some((object) => object.includes(backupId))) {
          isDone = true;
          await act();
        }
        return remove(objects);
      });
    },
  };
}

const inLts = async (site: TestSite): Promise<string[]> => readdir(join(site.dir, 'lts', 'alice'));

describe('hold, while an erase job runs,', () => {
  it('keeps a backup whose turn has not come, whole', async () => {
    const { site, backups: [first, second], erase, hold, beforeRemoval } = await removed(['full', 'full']);
    if (first === undefined || second === undefined) return expect.unreachable();
    const objects = await readdir(join(site.dir, 'lts', 'alice', second.backupId));
    let held: unknown;
    beforeRemoval(first, async () => { held = await hold(second.backupId); });
    await erase([first, second]);
    expect(held).toMatchObject({ code: 0, output: { held: true, removed: [second.backupId], erasing: [] } });
    expect(await inLts(site)).not.toContain(first.backupId);
    expect(await readdir(join(site.dir, 'lts', 'alice', second.backupId))).toEqual(objects);
    expect(await site.catalog.graves.undelete('alice', second.backupId)).toEqual([second.backupId]);
  });

  it('also what it needs, though that alone is not held', async () => {
    const { site, backups: [full, incremental], erase, hold } = await removed(['full', 'incremental']);
    if (full === undefined || incremental === undefined) return expect.unreachable();
    await hold(incremental.backupId);
    await erase([full, incremental]);
    expect(await site.catalog.graves.undelete('alice', incremental.backupId)).toEqual([full.backupId, incremental.backupId]);
  });

  it('refuses one whose turn has come, or whose parent is being erased, and puts nothing on record of what is lost', async () => {
    const { site, backups: [full, incremental], erase, hold, beforeRemoval } = await removed(['full', 'incremental']);
    if (full === undefined || incremental === undefined) return expect.unreachable();
    const refused: unknown[] = [];
    beforeRemoval(full, async () => {
      for (const { backupId } of [full, incremental]) refused.push(await hold(backupId).catch((thrown: unknown) => thrown));
    });
    await erase([full]);
    expect(refused).toMatchObject([{ code: 'HOLD_TOO_LATE' }, { code: 'HOLD_TOO_LATE', detail: `being erased: ${full.backupId}` }]);
    const { backups } = await readProtections(site.catalog.journalDir, (problem) => { throw new Error(JSON.stringify(problem)); });
    expect([...backups.keys()]).toEqual([incremental.backupId]);
    expect(await inLts(site)).not.toContain(full.backupId);
  });

  it('on a basepath names those that it comes too late for, and ends with 1', async () => {
    const { backups: [first, second], erase, hold, beforeRemoval, site } = await removed(['full', 'full']);
    if (first === undefined || second === undefined) return expect.unreachable();
    let held: unknown;
    beforeRemoval(first, async () => { held = await hold('alice'); });
    await erase([first, second]);
    expect(held).toMatchObject({ code: 1, output: { backupId: null, removed: [second.backupId], erasing: [first.backupId] } });
    expect(await inLts(site)).toContain(second.backupId);
  });
});
