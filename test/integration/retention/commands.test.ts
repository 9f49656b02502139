// Removal as operators do it: commands as processes of their own, each with a private Redis, the work done by `standalone --once`.
import { readdir, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { backupOutput, backupsOutput, errorOutput, standaloneOutput, statusOutput } from '../../../producer/cli/outputs.js';
import { acceptOutput, holdOutput, pruneOutput, undeleteOutput, usageOutput } from '../../../producer/cli/removal/outputs.js';
import { cliSite, type CliSite } from '../cli/cli-site.js';
import { runCli } from '../cli/cli-process.js';
import { compiledProduct } from '../../faults/compiled-product.js';

const product = compiledProduct();

interface Commands {
  readonly site: CliSite;
  readonly json: <T>(schema: z.ZodType<T>, code: number, ...args: string[]) => Promise<T>;
  /** Another full of alice. */
  readonly full: (content: string) => Promise<string>;
}

async function commands(retention: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}): Promise<Commands> {
  const site = await cliSite({ retention, ...more });
  const json: Commands['json'] = async (schema, code, ...args) => {
    const end = await runCli(product, [...args, '--json'], { config: site.configFile });
    expect({ code: end.code, args, stderr: end.stderr }).toMatchObject({ code });
    return schema.parse(JSON.parse(end.stdout));
  };
  const full = async (content: string): Promise<string> => {
    await site.write({ 'alice/a.txt': content });
    return (await json(backupOutput, 0, 'backup', site.at('top/alice'), '--level', 'full')).backupId;
  };
  return { site, json, full };
}

describe('commands of removal', () => {
  it('prune waits for --accept, removes, undelete and hold bring back and protect, standalone erases', async () => {
    const { site, json, full } = await commands({ keepLast: 1, gracePeriod: '1ms' });
    const ids = [await full('one'), await full('two'), await full('three')] as const;
    const dry = await json(pruneOutput, 0, 'prune', '--dry-run', '--to-free', '1MiB');
    expect(dry).toMatchObject({ dryRun: true, removed: [], topdirs: [{ backups: 3, remove: 2, waits: expect.stringContaining('the first prune') as string }], toFree: { enough: false, chains: [] } });
    expect(dry.basepaths[0]?.backups.map(({ backupId, keep, reasons }) => [backupId, keep, ...reasons])).toEqual([
      [ids[2], true, 'newest', 'newest full', 'last 1 of 1'],
      [ids[1], false, 'no rule keeps it'],
      [ids[0], false, 'no rule keeps it'],
    ]);
    expect((await json(pruneOutput, 1, 'prune')).removed).toEqual([]);
    expect((await json(holdOutput, 0, 'hold', ids[0], '--reason', 'lawyers')).removed).toEqual([]);
    expect((await json(pruneOutput, 0, 'prune', '--accept')).removed).toEqual([ids[1]]);
    expect((await json(backupsOutput, 0, 'backups')).backups.map(({ backupId, held }) => [backupId, held])).toEqual([[ids[0], 'lawyers'], [ids[2], null]]);
    // Held after it was removed: not erased, until it is undeleted or released.
    expect((await json(holdOutput, 0, 'hold', ids[1], '--reason', 'wait')).removed).toEqual([ids[1]]);
    expect((await json(pruneOutput, 0, 'prune')).erasing).toBe(0);
    expect((await json(undeleteOutput, 0, 'undelete', ids[1].toLowerCase())).back).toEqual([ids[1]]);
    expect((await json(holdOutput, 0, 'release', ids[1])).reason).toBe('wait');
    expect((await json(errorOutput, 4, 'release', ids[1])).error.code).toBe('NOT_HELD');
    expect((await json(usageOutput, 0, 'usage')).topdirs).toMatchObject([{ topdir: site.at('top'), backups: 3 }]);
    expect((await json(pruneOutput, 0, 'prune')).removed).toEqual([ids[1]]);
    await json(standaloneOutput, 0, 'standalone', '--once');
    const left = await readdir(site.at('lts/') + (await readdir(site.at('catalog/backups'))).join());
    expect(left.sort()).toEqual([ids[0], ids[2]]);
    expect((await json(errorOutput, 4, 'undelete', ids[1])).error.hint).toContain('prune --dry-run');
    expect((await json(errorOutput, 2, 'hold', ids[0])).error.code).toBe('USAGE');
  });

  it('a shrunk backup keeps what was before it until it is accepted; a hold on a basepath keeps all of it', async () => {
    const { site, json, full } = await commands({ keepLast: 1, maxRemoveShare: '100%' });
    await site.write(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`alice/many/${i}.txt`, String(i)])));
    const many = await full('one');
    await rm(site.at('top/alice/many'), { recursive: true });
    const shrunk = await full('two');
    const last = await full('three');
    expect((await json(statusOutput, 0, 'status')).basepaths).toMatchObject([{ toAccept: [shrunk], held: null }]);
    expect((await json(pruneOutput, 0, 'prune')).removed).toEqual([]);
    expect((await json(acceptOutput, 0, 'accept', site.at('top/alice'))).accepted).toEqual([shrunk]);
    expect((await json(errorOutput, 4, 'accept', site.at('top/alice'))).error.code).toBe('NOTHING_TO_ACCEPT');
    await json(holdOutput, 0, 'hold', site.at('top/alice'), '--reason', 'audit');
    expect((await json(pruneOutput, 0, 'prune')).removed).toEqual([]);
    expect((await json(statusOutput, 0, 'status')).basepaths).toMatchObject([{ toAccept: [], held: 'audit' }]);
    await json(holdOutput, 0, 'release', site.at('top/alice'));
    expect((await json(pruneOutput, 0, 'prune', site.at('top/alice'))).removed.sort()).toEqual([many, shrunk].sort());
    expect((await json(backupsOutput, 0, 'backups')).backups.map(({ backupId }) => backupId)).toEqual([last]);
  });

  it('people read why each backup is kept', async () => {
    const { site, full } = await commands({ keepLast: 1, maxRemoveShare: '100%' });
    const ids = [await full('one'), await full('two')] as const;
    const end = await runCli(product, ['prune', '--dry-run'], { config: site.configFile });
    expect(end.stdout).toContain(`keep   ${ids[1]} full`);
    expect(end.stdout).toMatch(/newest; newest full; last 1 of 1/);
    expect(end.stdout).toMatch(new RegExp(`remove ${ids[0]} full .* no rule keeps it`));
    expect(end.stdout).toContain(`${site.at('top')}: 1 backup of 2 would be removed`);
    const used = await runCli(product, ['usage'], { config: site.configFile });
    expect(used.stdout).toMatch(/lts: .* free, .* more per day, full in .* days/);
  });
});
