import { randomUUID } from 'node:crypto';
import { openSync, closeSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toBwError } from '../../../../../shared/errors/bw-error.js';
import { createLimiter } from '../../../../../shared/transfer/bandwidth.js';
import { createPosixBackend } from '../../../../../shared/transfer/posix/posix-backend.js';
import { sampleBytes, sampleItem } from '../../../../conformance/sample-items.js';
import { workspace } from '../../../../helpers/workspace.js';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

async function setUp() {
  const [lts, dir] = [join(await workspace(), 'lts'), await workspace()];
  await mkdir(lts, { mode: 0o700 });
  const clock = { ms: Date.now() };
  const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
  const backend = createPosixBackend({ name: 'd', dir: lts, bandwidth, now: () => clock.ms });
  return { lts, dir, clock, backend };
}

/** Damages the unfinished object right after its last byte was written and before it is read back. */
function spoilPart(dir: string): void {
  const part = readdirSync(dir).find((name) => name.includes('.part-')) ?? '';
  const fd = openSync(join(dir, part), 'r+');
  writeSync(fd, 'X', 5);
  closeSync(fd);
}

describe('posix storage', () => {
  it.each([100, 3 * MIB])('publishes nothing when the storage gives back other bytes (%d)', async (bytes) => {
    const { backend, lts, dir } = await setUp();
    const item = await sampleItem(dir, 'a/b', sampleBytes(bytes));
    let moved = 0;
    const sent = backend.submit('k', [item], {
      onProgress: (progress) => {
        moved += progress.bytes;
        if (moved === bytes) spoilPart(join(lts, 'a'));
      },
    });
    await expect(sent).rejects.toMatchObject({ code: 'TRANSFER_VERIFY_MISMATCH', retry: 'retry', subject: 'a/b' });
    expect(await readdir(join(lts, 'a'))).toEqual([]);
    await backend.submit('k', [item]);
    expect(await backend.verify(item)).toBe('match');
  });

  it.each([[1, 'TRANSFER_OBJECT_EXISTS'], [0, 'sent']])('does not replace an object that appears while it sends (other content: %d)', async (other, outcome) => {
    const { backend, lts, dir } = await setUp();
    const item = await sampleItem(dir, 'a/b', sampleBytes(100));
    const rival = sampleBytes(100, 1 + other);
    const onProgress = (): void => { writeFileSync(join(lts, 'a/b'), rival); };
    const end = await backend.submit('k', [item], { onProgress }).then(() => 'sent', (error: unknown) => toBwError(error).code);
    expect(end).toBe(outcome);
    expect(await readFile(join(lts, 'a/b'))).toEqual(rival);
    expect(await readdir(join(lts, 'a'))).toEqual(['b']);
  });

  it('adopts an object that was sent before, even when staging was given back since', async () => {
    const { backend, dir } = await setUp();
    const item = await sampleItem(dir, 'a/b', sampleBytes(100));
    await backend.submit('k', [item]);
    await rm(item.file);
    await expect(backend.submit('k', [item])).resolves.toMatchObject({ bytes: 100, files: 1 });
  });

  it('keeps objects to the owner', async () => {
    const { backend, lts, dir } = await setUp();
    await backend.submit('k', [await sampleItem(dir, 'a/b/c', sampleBytes(1))]);
    await backend.replace('restore-kit/x', Buffer.from('x'));
    const modes = ['a', 'a/b', 'a/b/c', 'restore-kit', 'restore-kit/x'].map((name) => (statSync(join(lts, name)).mode & 0o777).toString(8));
    expect(modes).toEqual(['700', '700', '600', '700', '600']);
  });

  it('never creates its root, and takes an unmounted one for an outage, not for an empty storage', async () => {
    const { backend, lts, dir } = await setUp();
    const item = await sampleItem(dir, 'a/b', sampleBytes(1));
    await backend.submit('k', [item]);
    await rename(lts, `${lts}-away`);
    const missing = { code: 'LTS_MISSING', retry: 'operator', subject: lts };
    await expect(backend.probe()).rejects.toMatchObject(missing);
    await expect(backend.submit('k', [item])).rejects.toMatchObject(missing);
    await expect(backend.verify(item)).rejects.toMatchObject(missing);
    await expect(backend.stat('a/b')).rejects.toMatchObject(missing);
    await expect(backend.remove(['a/b'])).rejects.toMatchObject(missing);
    await expect(backend.fetch({ ...item, file: join(dir, 'f') })).rejects.toMatchObject(missing);
    await expect(backend.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject(missing);
    await expect(backend.sweepParts(0)).rejects.toMatchObject(missing);
    await expect(stat(lts)).rejects.toThrow();
  });

  it('goes on when a prune removed the directory it knew', async () => {
    const { backend, dir, lts } = await setUp();
    const [first, second] = [await sampleItem(dir, 'a/b/one', sampleBytes(1)), await sampleItem(dir, 'a/b/two', sampleBytes(1))];
    await backend.submit('k', [first]);
    await rename(join(lts, 'a'), join(lts, 'moved'));
    await backend.submit('k', [second]);
    expect(await backend.verify(second)).toBe('match');
  });

  it('removes directories that became empty, and only those', async () => {
    const { backend, dir, lts } = await setUp();
    const items = [await sampleItem(dir, 'a/b1/x', sampleBytes(1)), await sampleItem(dir, 'a/b2/x', sampleBytes(1))];
    await backend.submit('k', items);
    await backend.remove(['a/b1/x']);
    expect(await readdir(join(lts, 'a'))).toEqual(['b2']);
    await backend.remove(['a/b2/x']);
    expect(await readdir(lts)).toEqual([]);
  });

  it('sweeps unfinished objects older than told, nothing else', async () => {
    const { backend, dir, lts, clock } = await setUp();
    await backend.submit('k', [await sampleItem(dir, 'a/b', sampleBytes(1))]);
    const parts = ['a/b.part-old-1', 'a/c.part-young-2'].map((name) => join(lts, name));
    for (const part of parts) await writeFile(part, 'half');
    const old = (clock.ms - 3 * HOUR_MS) / 1000;
    await utimes(parts[0] ?? '', old, old);
    await utimes(join(lts, 'a/b'), old, old);
    expect(await backend.sweepParts(2 * HOUR_MS)).toBe(1);
    expect((await readdir(join(lts, 'a'))).sort()).toEqual(['b', 'c.part-young-2']);
    clock.ms += 3 * HOUR_MS;
    expect(await backend.sweepParts(2 * HOUR_MS)).toBe(1);
  });

  it('clears away the unfinished objects of its key after a crash, not those of others', async () => {
    const { backend, dir, lts } = await setUp();
    const key = randomUUID();
    const item = await sampleItem(dir, 'a/b', sampleBytes(1));
    await mkdir(join(lts, 'a'));
    for (const name of [`b.part-${key}-0`, 'b.part-other-0', `c.part-${key}-0`]) await writeFile(join(lts, 'a', name), 'half');
    expect(await backend.reconcile(key, [item])).toBeNull();
    expect((await readdir(join(lts, 'a'))).sort()).toEqual(['b.part-other-0', `c.part-${key}-0`]);
  });

  it('obeys the bandwidth limit in both directions', async () => {
    const { lts, dir } = await setUp();
    const taken = { write: 0, read: 0 };
    const count = (direction: 'write' | 'read') => ({ take: (bytes: number) => Promise.resolve(void (taken[direction] += bytes)), rate: () => null });
    const backend = createPosixBackend({ name: 'd', dir: lts, bandwidth: { write: count('write'), read: count('read') } });
    const item = await sampleItem(dir, 'a/b', sampleBytes(2 * MIB));
    await backend.submit('k', [item]);
    expect(taken).toEqual({ write: 2 * MIB, read: 2 * MIB });
    await backend.fetch({ ...item, file: join(dir, 'f') });
    expect(taken).toEqual({ write: 2 * MIB, read: 4 * MIB });
  });

  it('stops waiting for bandwidth when aborted, and leaves nothing', async () => {
    const { lts, dir } = await setUp();
    const abort = new AbortController();
    const never = { take: (_: number, signal?: AbortSignal) => new Promise<void>((_resolve, reject) => { signal?.addEventListener('abort', () => { reject(new Error('aborted')); }); abort.abort(); }), rate: () => null };
    const backend = createPosixBackend({ name: 'd', dir: lts, bandwidth: { write: never, read: never } });
    const item = await sampleItem(dir, 'a/b', sampleBytes(2 * MIB));
    await expect(backend.submit('k', [item], { signal: abort.signal })).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' });
    expect(await readdir(join(lts, 'a'))).toEqual([]);
  });

  it('does not follow a symlink in the storage', async () => {
    const { backend, lts, dir } = await setUp();
    const item = await sampleItem(dir, 'real', sampleBytes(5));
    await symlink(item.file, join(lts, 'real'));
    await expect(backend.verify(item)).rejects.toMatchObject({ code: 'TRANSFER_IO' });
    expect(await backend.stat('real')).toBeNull();
    await expect(backend.submit('k', [item])).rejects.toMatchObject({ code: 'TRANSFER_OBJECT_EXISTS' });
  });
});
