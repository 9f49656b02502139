import { mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { SealedBackup } from '../../../deploy/quickstart/command-line.js';
import { allHeld, chooseToRestore, makeRows, type Proof } from '../../../deploy/quickstart/prove.js';
import { quote, reportText } from '../../../deploy/quickstart/report.js';
import { makeSite, parseArguments, readTopdir, type Site } from '../../../deploy/quickstart/site.js';
import { loadConfig } from '../../../shared/config/load-config.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { plain } from '../../../shared/terminal/index.js';
import { workspace } from '../../helpers/workspace.js';

const site: Site = {
  workDir: '/w', topdir: '/top', isSample: true, configFile: '/w/bw-bkup.yaml', catalogDir: '/w/catalog', ltsDir: '/w/lts', restoredDir: "/w/it's",
};

function backup(name: string, fields: Partial<SealedBackup> = {}): SealedBackup {
  return {
    backupId: `ID-${name}`, basepathId: `${name}-1`, path: bytePath.of(`/top/${name}`), level: 'full', outcome: 'clean', durationMs: 1234,
    records: 1500, sourceBytes: '5000000', archiveBytes: '5100000', archives: 2, slices: 6, exceptions: 0, ...fields,
  };
}

function proof(totalDifferences: number): Proof {
  const differences = totalDifferences === 0 ? [] : [{ path: bytePath.of('a\nb'), field: 'mode' as const, left: '644', right: '600' }];
  const compared = { same: totalDifferences === 0, compared: { entries: 1500, bytes: 1 }, allocated: { leftBytes: 1, rightBytes: 1 }, differences, totalDifferences };
  return { problem: null, compared };
}

describe('arguments', () => {
  it('takes a directory and a work directory', () => {
    expect(parseArguments([])).toEqual({ topdir: null, workDir: null, gridftp: null });
    expect(parseArguments(['/usr/share', '--work', '/big'])).toEqual({ topdir: '/usr/share', workDir: '/big', gridftp: null });
    expect(parseArguments(['--gridftp', 'ftp://127.0.0.1:2811/x'])).toEqual({ topdir: null, workDir: null, gridftp: 'ftp://127.0.0.1:2811/x' });
  });

  it.each([[['--what']], [['a', 'b']], [['--work']], [['--gridftp']], [['--gridftp', 'gsiftp://h/x']]])('refuses %j', (args) => {
    expect(() => parseArguments(args)).toThrow(expect.objectContaining({ code: 'QUICKSTART_USAGE' }) as Error);
  });
});

describe('the site of a quickstart', () => {
  it('lies in a private work directory with a configuration that names it', async () => {
    const workDir = join(realpathSync(await workspace()), 'new');
    const made = makeSite({ topdir: null, workDir, gridftp: null });
    const config = parse(readFileSync(made.configFile, 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({ topdirs: [{ path: join(workDir, 'sample') }], catalog: { dir: join(workDir, 'catalog') } });
    expect(config).not.toHaveProperty('redis');
    for (const dir of ['sample', 'staging', 'state', 'catalog', 'lts', 'restored']) expect(statSync(join(workDir, dir)).mode & 0o777).toBe(0o700);
  });

  it('gives bw-bkup a configuration it accepts', async () => {
    const workDir = join(await workspace(), 'new');
    const { configFile } = makeSite({ topdir: null, workDir, gridftp: null });
    mkdirSync(join(workDir, 'sample/alice'));
    const { config } = await loadConfig({ file: configFile, env: {}, flags: {} });
    expect(config).toMatchObject({ redis: { url: null }, http: { producerPort: null, workerPort: null }, restore: { allowedTargets: [join(workDir, 'restored')] } });
  });

  it('has its long-term storage behind a GridFTP server when told so', async () => {
    const workDir = join(await workspace(), 'new');
    const { configFile } = makeSite({ topdir: null, workDir, gridftp: 'ftp://127.0.0.1:2811/srv/lts' });
    mkdirSync(join(workDir, 'sample/alice'));
    const { config } = await loadConfig({ file: configFile, env: {}, flags: {} });
    expect(config.lts).toMatchObject([{ backend: 'gridftp', dir: '/srv/lts', gridftp: { server: { scheme: 'ftp', host: '127.0.0.1', port: 2811 } } }]);
  });

  it('refuses a work directory inside the source, also by another name, and one that is in use', async () => {
    const dir = realpathSync(await workspace());
    mkdirSync(join(dir, 'top/work'), { recursive: true });
    symlinkSync(join(dir, 'top/work'), join(dir, 'elsewhere'));
    writeFileSync(join(dir, 'file'), '');
    const refusal = expect.objectContaining({ code: 'QUICKSTART_PLACE' }) as Error;
    expect(() => makeSite({ topdir: join(dir, 'top'), workDir: join(dir, 'elsewhere'), gridftp: null })).toThrow(refusal);
    expect(() => makeSite({ topdir: join(dir, 'top'), workDir: join(dir, 'top'), gridftp: null })).toThrow(refusal);
    expect(() => makeSite({ topdir: null, workDir: dir, gridftp: null })).toThrow(refusal);
    expect(() => makeSite({ topdir: join(dir, 'file'), workDir: null, gridftp: null })).toThrow(refusal);
    expect(() => makeSite({ topdir: join(dir, 'gone'), workDir: null, gridftp: null })).toThrow(refusal);
  });

  it('sees directories as basepaths and counts the rest', async () => {
    const dir = await workspace();
    expect(() => readTopdir(dir)).toThrow(expect.objectContaining({ code: 'QUICKSTART_PLACE' }) as Error);
    for (const name of ['b', 'lost+found', 'a\xff']) mkdirSync(Buffer.from(`${dir}/${name}`, 'latin1'));
    writeFileSync(join(dir, 'plain'), '');
    symlinkSync('b', join(dir, 'link'));
    expect(readTopdir(dir)).toEqual({ basepaths: [`${dir}/a\xff`, `${dir}/b`], others: 2 });
  });
});

describe('what counts as held', () => {
  const [clean, flawed] = [backup('a'), backup('b', { outcome: 'with-exceptions' })];
  it('is only everything saved clean, something restored, and all of that identical', () => {
    const rows = (backups: SealedBackup[], proofs: [string, Proof][]) => makeRows([bytePath.of('/top/a'), bytePath.of('/top/b')], backups, new Map(proofs));
    expect(allHeld(rows([clean, backup('b')], [['ID-a', proof(0)]]))).toBe(true);
    expect(allHeld(rows([clean], [['ID-a', proof(0)]]))).toBe(false);
    expect(allHeld(rows([clean, flawed], [['ID-a', proof(0)]]))).toBe(false);
    expect(allHeld(rows([clean, backup('b')], []))).toBe(false);
    expect(allHeld(rows([clean, backup('b')], [['ID-a', proof(0)], ['ID-b', proof(1)]]))).toBe(false);
    expect(allHeld(rows([clean, backup('b')], [['ID-a', { problem: 'no', compared: null }]]))).toBe(false);
    expect(allHeld(rows([clean, backup('b')], [['ID-a', { ...proof(0), problem: 'no' }]]))).toBe(false);
  });

  it('restores all of a sample, of a directory the largest clean one of a handy size', () => {
    const own = { ...site, isSample: false };
    const [tiny, small, huge, vast] = ['9', '100', '1073741825', '9999999999'].map((archiveBytes) => backup(`b${archiveBytes}`, { archiveBytes })) as [SealedBackup, SealedBackup, SealedBackup, SealedBackup];
    const unclean = backup('x', { archiveBytes: '50', outcome: 'with-exceptions' });
    expect(chooseToRestore(site, [huge, small])).toEqual([huge, small]);
    expect(chooseToRestore(own, [vast, huge, tiny, unclean, small])).toEqual([small]);
    expect(chooseToRestore(own, [vast, unclean, huge])).toEqual([huge]);
    expect(chooseToRestore(own, [unclean])).toEqual([unclean]);
    expect(chooseToRestore(own, [])).toEqual([]);
  });
});

describe('the report', () => {
  it('shows every basepath, what differs, where things lie and what to try', () => {
    const names = ['a', 'b\n', 'c', 'd'].map((name) => bytePath.of(`/top/${name}`));
    const proofs = new Map([['ID-a', proof(0)], ['ID-b\n', { ...proof(0), problem: 'bw-bkup restore ended with exit code 3' }], ['ID-c', proof(12)]]);
    const rows = makeRows(names, [backup('a'), backup('b\n', { outcome: 'with-exceptions', exceptions: 3 }), backup('c')], proofs);
    const text = reportText(site, rows, plain);
    expect(text.split('\n').slice(1, 15)).toEqual([
      'BASEPATH  OUTCOME       ENTRIES   SOURCE  ARCHIVED  ARCHIVES  SLICES  SECONDS  RESTORED',
      'a         clean           1,500  4.8 MiB   4.9 MiB         2       6      1.2  identical (1,500 compared)',
      'b\\x0a     3 exceptions    1,500  4.8 MiB   4.9 MiB         2       6      1.2  identical (1,500 compared), but see below',
      'c         clean           1,500  4.8 MiB   4.9 MiB         2       6      1.2  12 differences',
      'd         not saved           -        -         -         -       -        -  -',
      '',
      '/top/b\\x0a: bw-bkup restore ended with exit code 3',
      '',
      '/top/c differs from what was restored (a file that changed since it was saved shows up here too):',
      '  a\\x0ab: mode 644 -> 600',
      '  and 11 more',
      '',
      'Not everything held: see the table, and the messages above.',
      '',
    ]);
    expect(text).toContain("  bw restore a-1 --to '/w/it'\\''s/again'\n");
    expect(text).toMatch(/^restore kit .* \/w\/lts\/restore-kit$/m);
  });

  it('shortens a long table to what matters', () => {
    const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
    const backups = names.filter((name) => name !== 'n70').map((name) => backup(name));
    const rows = makeRows(names.map((name) => bytePath.of(`/top/${name}`)), backups, new Map([['ID-n80', proof(0)]]));
    const text = reportText(site, rows, plain);
    expect(text.split('\n').filter((line) => /^n\d+ /.test(line))).toHaveLength(22);
    expect(text).toMatch(/^n70 +not saved/m);
    expect(text).toMatch(/^n80 .*identical/m);
    expect(text).toContain('\nand 78 more, all clean\n');
  });

  it('quotes for a shell', () => {
    expect([quote('/a-b_c.d'), quote("it's $x"), quote('')]).toEqual(['/a-b_c.d', "'it'\\''s $x'", "''"]);
  });
});
