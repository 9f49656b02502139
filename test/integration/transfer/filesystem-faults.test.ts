import { execFileSync } from 'node:child_process';
import { openSync, closeSync, fsyncSync } from 'node:fs';
import { mkdir, readdir, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { posixLts } from '../../helpers/posix-lts.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import { dropCache, DROP_CACHE_FROM_BYTES } from '../../../shared/transfer/posix/drop-cache.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { needs, needsRoot } from '../../helpers/needs.js';
import { workspace } from '../../helpers/workspace.js';

const MIB = 1024 * 1024;
const TMPFS_MAGIC = 0x01021994;

/** A filesystem of its own for the running test; needs root. */
async function mountSmall(bytes: number): Promise<string> {
  const dir = join(await workspace(), 'lts');
  await mkdir(dir);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', dir]);
  onTestFinished(() => void execFileSync('umount', ['-l', dir]));
  return dir;
}

const backendAt = (dir: string) => posixLts(dir, 'd');
const tempIsTmpfs = (await statfs(tmpdir())).type === TMPFS_MAGIC;

describe('a storage filesystem in trouble', () => {
  beforeEach(needsRoot);

  it('full: asks for an operator, leaves nothing of the object, and goes on once there is room', async () => {
    const dir = await mountSmall(4 * MIB);
    const source = await workspace();
    const items = [await sampleItem(source, 'a/big', sampleBytes(6 * MIB)), await sampleItem(source, 'a/small', sampleBytes(1000))];
    const results = await sendItems({ backend: backendAt(dir), items, key: 'k' });
    expect(results.map(({ state, error }) => [state, error?.code, error?.retry])).toEqual([
      ['failed', 'TRANSFER_NO_SPACE', 'operator'],
      ['committed', undefined, undefined],
    ]);
    expect(await readdir(join(dir, 'a'))).toEqual(['small']);
    execFileSync('mount', ['-o', `remount,size=${20 * MIB}`, dir]);
    const again = await sendItems({ backend: backendAt(dir), items, key: 'k', resume: true });
    expect(again.map(({ state }) => state)).toEqual(['committed', 'committed']);
  });

  it('full of small objects too', async () => {
    const dir = await mountSmall(MIB);
    await writeFile(join(dir, 'filler'), sampleBytes(MIB - 8192));
    const item = await sampleItem(await workspace(), 'a/b', sampleBytes(500_000));
    await expect(backendAt(dir).submit('k', [item])).rejects.toMatchObject({ code: 'TRANSFER_NO_SPACE' });
    expect(await readdir(join(dir, 'a'))).toEqual([]);
  });

  it('read-only: asks for an operator', async () => {
    const dir = await mountSmall(4 * MIB);
    execFileSync('mount', ['-o', 'remount,ro', dir]);
    const backend = backendAt(dir);
    const denied = { code: 'TRANSFER_DENIED', retry: 'operator' };
    await expect(backend.probe()).rejects.toMatchObject(denied);
    await expect(backend.submit('k', [await sampleItem(await workspace(), 'a/b', sampleBytes(10))])).rejects.toMatchObject(denied);
  });

  it('tells the free bytes of the storage, not of something else', async () => {
    const dir = await mountSmall(4 * MIB);
    const { freeBytes } = await backendAt(dir).probe();
    expect(freeBytes).toBeGreaterThan(3 * MIB);
    expect(freeBytes).toBeLessThanOrEqual(4 * MIB);
  });
});

describe('reading back', () => {
  beforeEach((context) => { needs(context, !tempIsTmpfs, 'a disk for temporary files'); });

  const cachedBytes = (file: string): number => Number(execFileSync('fincore', ['-b', '-n', '-o', 'RES', file], { encoding: 'utf8' }));

  it('comes from the device: the page cache of a big object is dropped first', async () => {
    const file = join(await workspace(), 'big');
    await writeFile(file, sampleBytes(DROP_CACHE_FROM_BYTES));
    const fd = openSync(file, 'r');
    fsyncSync(fd);
    expect(cachedBytes(file)).toBe(DROP_CACHE_FROM_BYTES);
    await dropCache(file, DROP_CACHE_FROM_BYTES);
    expect(cachedBytes(file)).toBe(0);
    closeSync(fd);
  });
});
