import { readFile, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { compiledProduct } from '../../faults/compiled-product.js';
import { cliSite, type CliSite } from './cli-site.js';
import { runCli, startCli, untilNothingRunsIn, type CliEnd } from './cli-process.js';

const product = compiledProduct();

function runner(site: CliSite, cwd = site.at('top')): (...args: string[]) => Promise<CliEnd> {
  return (...args) => runCli(product, args, { config: site.configFile, cwd });
}

describe('the command line', () => {
  it('wrong usage is exit 2, and says what', async () => {
    for (const [args, says] of [
      [[], 'Usage: bw-bkup'],
      [['nosuch'], "unknown command 'nosuch'"],
      [['restore'], 'restore needs either a BASEPATH or --topdir DIR'],
      [['backup', 'x', '--nosuch'], "unknown option '--nosuch'"],
      [['restore', 'x', '--in-place', '--on-conflict', 'merge'], 'Allowed choices are keep, rename, overwrite'],
      [['status', '--set', 'logging.level'], '--set takes KEY=VALUE'],
    ] as const) {
      const end = await runCli(product, args);
      expect(end, args.join(' ')).toMatchObject({ code: 2, stdout: '' });
      expect(end.stderr).toContain(says);
    }
    const help = await runCli(product, ['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/Exit codes:\n +0 {2}done/);
  });

  it('works by itself where nobody else does, says little, and leaves nothing running', async () => {
    const site = await cliSite();
    const bw = runner(site);
    await site.write({ 'alice/sub/a.txt': 'as saved', 'alice/b.txt': 'as saved' });
    expect(await bw('backup', 'alice')).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^Backup \S+ of \S+\/top\/alice is sealed: full, clean\.\n$/) as string });
    await untilNothingRunsIn(site.dir);
    const verbose = await bw('backup', 'alice', '--verbose');
    expect(verbose.stderr).toMatch(/"component":"cli".*"msg":"worker ready"/);
    const status = await bw('status');
    expect(status.stdout).toMatch(/top\/alice +alice-\w+ +ok .*\n1 basepath: 1 ok\nNothing is running/);
    expect((await bw('restore', 'elice', '--to', '../restore/r')).stderr).toMatch(/BASEPATH_UNKNOWN.*\[elice\]\n {2}-> List/);
    expect((await runCli(product, ['restore', 'alice', '--to', 'x'], { config: site.configFile })).stderr).toMatch(/Did you mean alice-\w+ \(\S+\/top\/alice\)\?/);
    expect(await bw('restore', 'alice', '--to', '/etc/x')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('RESTORE_TARGET_REFUSED') as string });
    expect(await bw('restore', 'alice', '--to', '../restore/r', '--path', 'sub/no')).toMatchObject({ code: 4, stdout: expect.stringContaining('RESTORE_PATH_UNKNOWN') as string });
    expect(await bw('restore', 'alice', '--to', '../restore/one', '--path', 'sub/a.txt')).toMatchObject({ code: 0, stderr: '' });
    expect(await readFile(site.at('restore/one/sub/a.txt'), 'utf8')).toBe('as saved');
    await expect(readFile(site.at('restore/one/b.txt'))).rejects.toThrow('ENOENT');
    await untilNothingRunsIn(site.dir);
  });

  it('restores in place, keeping, renaming or overwriting what is there', async () => {
    const site = await cliSite();
    const bw = runner(site);
    await site.write({ 'alice/a.txt': 'as saved', 'alice/gone.txt': 'as saved' });
    expect((await bw('standalone', '--once')).stdout).toBe('1 backup sealed (0 with exceptions), 0 failed.\n');
    const restored = async (how: string): Promise<[string, string, string | null]> => {
      await site.write({ 'alice/a.txt': 'mine' });
      await rm(site.at('top/alice/gone.txt'), { force: true });
      expect(await bw('restore', 'alice', '--in-place', '--on-conflict', how), how).toMatchObject({ code: 0, stderr: '' });
      const read = (name: string): Promise<string> => readFile(site.at(`top/alice/${name}`), 'utf8');
      return [await read('a.txt'), await read('gone.txt'), await read('a.txt.~1~').catch(() => null)];
    };
    expect(await restored('keep')).toEqual(['mine', 'as saved', null]);
    expect(await restored('overwrite')).toEqual(['as saved', 'as saved', null]);
    expect(await restored('rename')).toEqual(['as saved', 'as saved', 'mine']);
  });

  it('prints into a pipe whose reader leaves, without complaint', async () => {
    const site = await cliSite();
    const files = Array.from({ length: 3000 }, (_, i) => [`alice/a-rather-long-name-of-a-file-${i}.txt`, 'x'] as const);
    await site.write(Object.fromEntries(files));
    const end = await runCli(product, ['backup', site.at('top/alice'), '--json'], { config: site.configFile });
    const { backupId } = JSON.parse(end.stdout) as { backupId: string };
    const ls = startCli(product, ['ls', backupId], { config: site.configFile });
    ls.child.stdout?.once('data', () => ls.child.stdout?.destroy());
    expect(await ls.end).toMatchObject({ code: 0, stderr: '' });
  });
});
