import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { backupOutput, backupsOutput, planOutput, statusOutput } from '../../../producer/cli/outputs.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { cliSite } from './cli-site.js';
import { runCli } from './cli-process.js';

const product = compiledProduct();
/** As short as settings may be: everything is due and past due a moment later. */
const SHORT = { incrementalEvery: '1ms', pastDue: '2ms', fullEvery: '30d' };

describe('schedule on the command line', () => {
  it('backup takes the level asked for, or the one the schedule would make', async () => {
    const site = await cliSite();
    await site.write({ 'alice/a.txt': 'a' });
    const level = async (...args: string[]): Promise<string> => {
      const end = await runCli(product, ['backup', site.at('top/alice'), '--json', ...args], { config: site.configFile });
      expect(end.code).toBe(0);
      return backupOutput.parse(JSON.parse(end.stdout)).level;
    };
    const refused = await runCli(product, ['backup', site.at('top/alice'), '--level', 'incremental'], { config: site.configFile });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('PARENT_MISSING') as string });
    expect([await level(), await level(), await level('--level', 'differential'), await level('--level', 'full')]).toEqual(['full', 'incremental', 'differential', 'full']);
    const { stdout } = await runCli(product, ['backups', '--json'], { config: site.configFile });
    expect(backupsOutput.parse(JSON.parse(stdout)).backups.map((row) => row.level)).toEqual(['full', 'incremental', 'differential', 'full']);
  });

  it('plan says what is due and why, and what excludes take out; status --check ends with 6: with nothing running, and without Redis', async () => {
    const site = await cliSite();
    await site.write({ 'alice/a.txt': 'a', 'alice/cache/x': '12345', 'alice/cache/y': '1' });
    expect((await runCli(product, ['backup', site.at('top/alice')], { config: site.configFile })).code).toBe(0);
    await rm(site.at('state/redis'), { recursive: true, force: true });
    const short = await site.configure('short.yaml', { schedule: SHORT, topdirs: [{ path: site.at('top'), exclude: ['cache'] }] });
    const plan = await runCli(product, ['plan', '--json'], { config: short });
    expect(planOutput.parse(JSON.parse(plan.stdout))).toMatchObject({ live: false, plan: [{ kind: 'other', act: 'enqueue', level: 'incremental', priorityClass: 'overdue-incremental', priority: 40 }] });
    const one = await runCli(product, ['plan', site.at('top/alice'), '--json'], { config: short });
    expect(planOutput.parse(JSON.parse(one.stdout)).excluded).toEqual({ entries: 3, bytes: '6', paths: ['cache'] });
    const people = await runCli(product, ['plan', site.at('top/alice')], { config: short });
    expect(people.stdout).toMatch(/alice +incremental +due +40 overdue-incremental +last backup is .* old, overdue/);
    expect(people.stdout).toContain('exclude takes out 3 entries (6 B) of the newest backup:\n  cache\n');

    const check = await runCli(product, ['status', '--check'], { config: short });
    expect(check.code).toBe(6);
    expect(check.stdout).toMatch(/alice: past due for .*, last backup is .* old\n1 basepath, 1 past due, 0 failed for good\.\n/);
    expect((await runCli(product, ['status', '--check'], { config: site.configFile })).code).toBe(0);
    const status = await runCli(product, ['status', '--json'], { config: short });
    expect(status.code).toBe(1);
    expect(statusOutput.parse(JSON.parse(status.stdout)).basepaths[0]?.pastDueMs).toBeGreaterThan(0);
  });
});
