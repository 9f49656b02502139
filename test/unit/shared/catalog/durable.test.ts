import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureDir, letterNonce, linkExclusive, writeDurable } from '../../../../shared/catalog/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { faultyDisk, tracedDisk } from './faulty-disk.js';

const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

describe('writeDurable', () => {
  it('replaces content at once, mode 0600, fsyncing file before rename and directory after', async () => {
    const dir = await workspace();
    const path = join(dir, 'plan.json');
    await writeFile(path, 'old', { mode: 0o644 });
    const { disk, steps } = tracedDisk();
    await writeDurable(path, Buffer.from('new'), disk);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await mode(path)).toBe('600');
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['writeNew', 'rename', 'syncDir']);
    expect(await readdir(dir)).toEqual(['plan.json']);
  });

  it('keeps the old content and no temporary file when a step fails', async () => {
    const dir = await workspace();
    const path = join(dir, 'plan.json');
    await writeFile(path, 'old');
    await expect(writeDurable(path, Buffer.from('new'), faultyDisk(2, 'error').disk)).rejects.toThrow('rename');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(dir)).toEqual(['plan.json']);
  });
});

describe('linkExclusive', () => {
  it('lets exactly one of many win and leaves no temporary name', async () => {
    const dir = await workspace();
    const names = Array.from({ length: 20 }, (_, index) => `t${index}`);
    await Promise.all(names.map((name) => writeFile(join(dir, name), name)));
    const results = await Promise.all(names.map((name) => linkExclusive(join(dir, name), join(dir, 'final'))));
    expect(results.filter((result) => result === 'linked')).toHaveLength(1);
    expect(await readdir(dir)).toEqual(['final']);
    expect(await readFile(join(dir, 'final'), 'utf8')).toBe(names[results.indexOf('linked')]);
  });

  it('counts its own link as won when the answer was lost', async () => {
    const dir = await workspace();
    await writeFile(join(dir, 'tmp'), 'mine');
    const traced = tracedDisk();
    const disk = { ...traced.disk, link: async (from: string, to: string) => { await traced.disk.link(from, to); return false; } };
    expect(await linkExclusive(join(dir, 'tmp'), join(dir, 'final'), { disk })).toBe('linked');
  });

  it('fsyncs the file before the link unless the caller has', async () => {
    const dir = await workspace();
    await writeFile(join(dir, 'tmp'), '');
    const { disk, steps } = tracedDisk();
    await linkExclusive(join(dir, 'tmp'), join(dir, 'final'), { disk });
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['syncFile', 'link', 'unlink', 'syncDir']);
  });
});

describe('ensureDir', () => {
  it('makes parents 0700, each fsynced into its parent, and does nothing the second time', async () => {
    const dir = await workspace();
    const { disk, steps } = tracedDisk();
    await ensureDir(join(dir, 'a/b'), disk);
    expect(await mode(join(dir, 'a'))).toBe('700');
    expect(await mode(join(dir, 'a/b'))).toBe('700');
    expect(steps.filter((step) => step.startsWith('syncDir'))).toEqual([`syncDir ${dir}`, `syncDir ${join(dir, 'a')}`]);
    const again = tracedDisk();
    await ensureDir(join(dir, 'a/b'), again.disk);
    expect(again.steps).toEqual([`makeDir ${join(dir, 'a/b')}`]);
  });
});

it('makes nonces of letters only, so that they can follow a number', () => {
  for (let round = 0; round < 200; round += 1) expect(letterNonce(6)).toMatch(/^[a-z]{6}$/);
});
