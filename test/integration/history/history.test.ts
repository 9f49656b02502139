import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { z } from 'zod';
import { diffCommand } from '../../../producer/cli/diff-command.js';
import { findCommand } from '../../../producer/cli/find-command.js';
import { historyCommand } from '../../../producer/cli/history-command.js';
import { lsCommand } from '../../../producer/cli/ls-command.js';
import { lsLine } from '../../../producer/cli/outputs.js';
import { diffLine, findLine, historyLine } from '../../../producer/cli/version-outputs.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { sealed } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { hookDar } from '../bad-input/dar-hooks.js';

const SETTINGS = { index: { racyWindow: '1ms' } };

/** What a command prints on standard output, by lines. */
async function printed(command: () => Promise<number>): Promise<{ code: number; lines: string[] }> {
  const texts: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => { texts.push(String(text)); return true; });
  const quiet = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const code = await command();
    return { code, lines: texts.join('').split('\n').filter((line) => line !== '') };
  } finally {
    spy.mockRestore();
    quiet.mockRestore();
  }
}

async function json<T>(schema: z.ZodType<T>, command: () => Promise<number>): Promise<T[]> {
  return (await printed(command)).lines.map((line) => schema.parse(JSON.parse(line)));
}

async function next(site: TestSite, level: Manifest['level']): Promise<Manifest> {
  await delay(20); // file times have the resolution of the kernel's tick
  const manifest = await sealed(site, 'eve', level);
  await delay(20);
  return manifest;
}

async function start(): Promise<{ site: TestSite; root: string; options: { config: string; json: true }; full: Manifest }> {
  const site = await testSite({ settings: SETTINGS });
  const root = join(site.topdir, 'eve');
  for (const dir of ['sub/deep', 'other']) mkdirSync(join(root, dir), { recursive: true });
  for (const [name, content] of Object.entries({ 'sub/a.dat': '1', 'sub/deep/b.dat': 'bb', 'other/c.txt': 'c', 'new\nline': 'n', 'kind': 'a file' })) writeFileSync(join(root, name), content);
  const full = await next(site, 'full');
  return { site, root, options: { config: site.configFile, json: true }, full };
}

describe('find, history, diff and ls over a chain', () => {
  it('know every version, what is gone, and what differs between two backups', async () => {
    const { site, root, options, full } = await start();
    writeFileSync(join(root, 'sub/a.dat'), '22');
    rmSync(join(root, 'sub/deep'), { recursive: true });
    rmSync(join(root, 'kind'));
    mkdirSync(join(root, 'kind'));
    const first = await next(site, 'incremental');
    chmodSync(join(root, 'sub/a.dat'), 0o600);
    renameSync(join(root, 'other/c.txt'), join(root, 'other/d.txt'));
    const second = await next(site, 'incremental');
    rmSync(join(root, 'sub/a.dat'));
    const differential = await next(site, 'differential');
    writeFileSync(join(root, 'sub/a.dat'), '333');
    const again = await next(site, 'full');
    const ids = [full, first, second, differential, again].map(({ backupId }) => backupId);
    const number = (id: string | null): number => ids.indexOf(id ?? '');

    const versions = await json(historyLine, () => historyCommand(join(root, 'sub/a.dat'), options));
    expect(versions.map((row) => [row.state, row.size, row.mode, number(row.backupId), number(row.lastBackupId), number(row.heldBy)])).toEqual([
      ['saved', '1', '644', 0, 0, 0],
      ['saved', '2', '644', 1, 1, 1],
      ['saved', '2', '600', 2, 2, 2],
      ['removed', null, null, 3, 3, -1],
      ['saved', '3', '644', 4, 4, 4],
    ]);
    const kinds = await json(historyLine, () => historyCommand('kind', { ...options, basepath: root }));
    expect(kinds.map((row) => [row.type, number(row.backupId), row.backups])).toEqual([['f', 0, 1], ['d', 1, 4]]);
    expect((await json(historyLine, () => historyCommand('new\\x0aline', { ...options, basepath: root }))).map(({ path, backups }) => [path, backups])).toEqual([['new\nline', 5]]);
    expect(await printed(() => historyCommand(join(root, 'never'), options))).toEqual({ code: 4, lines: [] });

    const found = await json(findLine, () => findCommand('*.dat', options));
    expect(found.map((row) => [row.path, row.state, row.size, row.versions, number(row.backupId), row.goneSince])).toEqual([
      ['sub/a.dat', 'saved', '3', 4, 4, null],
      ['sub/deep/b.dat', 'removed', '2', 1, 0, first.capturedAt],
    ]);
    expect((await json(findLine, () => findCommand('**', { ...options, since: second.capturedAt, basepath: root }))).map(({ path }) => path)).toEqual(['other/c.txt', 'other/d.txt', 'other', 'sub/a.dat', 'sub'].sort(byIndex));
    expect(await printed(() => findCommand('*', { ...options, owner: '4711' }))).toEqual({ code: 4, lines: [] });
    await expect(findCommand('*', { ...options, owner: 'no-such-user' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(findCommand('*', { ...options, since: 'yesterday' })).rejects.toMatchObject({ code: 'USAGE', message: '--since yesterday is not a time' });

    const diff = await json(diffLine, () => diffCommand(full.backupId, second.backupId, options));
    expect(diff.map(({ path, change, fields }) => [change, path, fields.join()]).sort()).toEqual([
      ['added', 'kind', ''], ['added', 'other/d.txt', ''], ['changed', 'sub/a.dat', 'size,mtime,ctime,mode'],
      ['removed', 'kind', ''], ['removed', 'other/c.txt', ''], ['removed', 'sub/deep', ''], ['removed', 'sub/deep/b.dat', ''],
    ]);
    // Across chains; and a backup is the same as itself.
    expect((await json(diffLine, () => diffCommand(differential.backupId, again.backupId, options))).map(({ path, change }) => [change, path])).toEqual([['added', 'sub/a.dat']]);
    expect(await printed(() => diffCommand(second.backupId, second.backupId, options))).toEqual({ code: 0, lines: [] });

    const listed = await json(lsLine, () => lsCommand(second.backupId, undefined, options));
    expect(listed.map(({ path, backupId }) => [path, number(backupId)]).sort()).toEqual([
      ['.', 1], ['kind', 1], ['new\nline', 0], ['other', 2], ['other/d.txt', 2], ['sub', 2], ['sub/a.dat', 2],
    ]);
  });

  it('for people: one line each', async () => {
    const { site, root, full } = await start();
    writeFileSync(join(root, 'sub/a.dat'), '22');
    const first = await next(site, 'incremental');
    const options = { config: site.configFile };
    const history = await printed(() => historyCommand(join(root, 'sub/a.dat'), options));
    expect(history.lines).toHaveLength(3);
    expect(history.lines[2]).toMatch(new RegExp(`${first.backupId} +saved +f +2 B .* 644 +\\d+:\\d+`));
    expect((await printed(() => findCommand('a.dat', options))).lines).toEqual([expect.stringMatching(new RegExp(`^f +644 .* ${root}/sub/a\\.dat {2}\\(${first.backupId}, 2 versions\\)$`))]);
    expect((await printed(() => diffCommand(full.backupId, first.backupId, options))).lines).toEqual([expect.stringMatching(/^M sub\/a\.dat {2}\(size 1 B -> 2 B, mtime .* -> .*\)$/)]);
  });

  it('say when a backup could only keep an older state, and why', async () => {
    const { site, root, options } = await start();
    writeFileSync(join(root, 'other/c.txt'), 'changed, and gone before it was read');
    await hookDar(site.dir, { before: `rm ${join(root, 'other/c.txt')}` });
    const manifest = await next(site, 'incremental');
    vi.unstubAllEnvs();
    const rows = await json(historyLine, () => historyCommand(join(root, 'other/c.txt'), options));
    expect(rows.map(({ state, size, flags, backupId }) => [state, size, flags, backupId === manifest.backupId])).toEqual([['saved', '1', '', false], ['kept', '1', 'x', true]]);
  });
});

/** Index order of these names: what is in a directory, then by name. */
function byIndex(a: string, b: string): number {
  const key = (path: string): string => (path.includes('.') ? `./${path.replace(/\/([^/]*)$/, '//$1')}/` : `./${path}//./`);
  return key(a) < key(b) ? -1 : 1;
}
