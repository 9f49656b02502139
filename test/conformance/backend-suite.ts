import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoredObject, TransferBackend, TransferItem, TransferOptions } from '../../shared/transfer/backend.js';
import { NO_HASH, REPLACEABLE_PREFIX } from '../../shared/transfer/backend.js';
import { fetchItems } from '../../shared/transfer/fetch-items.js';
import { workspace } from '../helpers/workspace.js';
import { sampleBytes, sampleItem, sha512 } from './sample-items.js';

const MIB = 1024 * 1024;

/** What the suite needs of a backend under test: an empty storage, and hands to damage it behind the backend's back. */
export interface BackendUnderTest {
  readonly backend: TransferBackend;
  /** Flips one bit of a stored object. */
  readonly damage: (object: string) => Promise<void>;
  /** Cuts a stored object to its first half. */
  readonly truncate: (object: string) => Promise<void>;
  /** Names of everything in the storage, unfinished objects too. */
  readonly everything: () => Promise<string[]>;
  /** Of a storage with tapes: what lies there leaves its disk; what was ordered comes back. */
  readonly tape?: { readonly toTape: (objects: readonly string[]) => void; readonly deliver: () => void };
}

const PARTS = { sending: sendingTests, refusing: refusalTests, 'verifying and fetching': readingTests, 'listing and removing': listingTests, recalling: recallTests } as const;

type Part = keyof typeof PARTS;

/** The contract of shared/transfer/backend.ts as tests; every backend has to pass. `make` gets a private empty directory. `parts`: of a second way to reach a backend that has passed all. */
export function describeBackend(name: string, make: (dir: string) => Promise<BackendUnderTest>, parts: readonly Part[] = Object.keys(PARTS) as Part[]): void {
  describe(`backend contract: ${name}`, () => {
    for (const part of parts) describe(part, () => { PARTS[part](make); });
  });
}

type Make = (dir: string) => Promise<BackendUnderTest>;

async function setUp(make: Make): Promise<BackendUnderTest & { dir: string }> {
  const dir = await workspace();
  const under = await make(await workspace());
  return { ...under, dir };
}

/** Submits and waits for the end, whether the backend works inside submit or not; an abort cancels, as the engine does. */
async function send(backend: TransferBackend, items: TransferItem[], key?: string, options: TransferOptions = {}): Promise<void> {
  const handle = await backend.submit(key ?? (await backend.prepare(items)), items, options);
  for (;;) {
    if (options.signal?.aborted === true) await backend.cancel(handle);
    const status = await backend.poll(JSON.parse(JSON.stringify(handle)) as typeof handle);
    if (status.state === 'sent') return;
    if (status.state === 'failed' || status.state === 'cancelled') throw status.error ?? new Error(`${status.state} without error`);
  }
}

async function listAll(backend: TransferBackend, prefix: string): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for await (const object of backend.list(prefix)) found.push(object);
  return found.sort((a, b) => (a.object < b.object ? -1 : 1));
}

async function fetchBack(backend: TransferBackend, item: TransferItem, dir: string): Promise<Buffer> {
  const file = join(dir, 'fetched');
  await backend.fetch({ ...item, file });
  return readFile(file);
}

function sendingTests(make: Make): void {
  it.each([0, 1, 4096, MIB, 8 * MIB + 1])('brings %d bytes there and back', async (length) => {
    const { backend, dir } = await setUp(make);
    const content = sampleBytes(length);
    const item = await sampleItem(dir, 'alice-1/b1/data.1.dar', content);
    await send(backend, [item]);
    expect(await backend.verify(item)).toBe('match');
    expect((await fetchBack(backend, item, dir)).equals(content)).toBe(true);
  });

  it('has one effect for the same key and items twice', async () => {
    const { backend, dir, everything } = await setUp(make);
    const item = await sampleItem(dir, 'a/b/c', sampleBytes(100));
    const key = await backend.prepare([item]);
    await send(backend, [item], key);
    await send(backend, [item], key);
    expect(await everything()).toEqual(['a/b/c']);
  });

  it('takes a handle of before a crash, or tells to submit anew', async () => {
    const { backend, dir } = await setUp(make);
    const item = await sampleItem(dir, 'a/b/c', sampleBytes(100));
    const key = await backend.prepare([item]);
    await send(backend, [item], key);
    const adopted = await backend.reconcile(key, [item]);
    if (adopted === null) await send(backend, [item], key);
    else expect((await backend.poll(adopted)).state).toBe('sent');
    expect(await backend.verify(item)).toBe('match');
  });

  it('lets two putters of one object have one effect', async () => {
    const { backend, dir, everything } = await setUp(make);
    const item = await sampleItem(dir, 'a/b/c', sampleBytes(3 * MIB));
    await Promise.all([send(backend, [item], 'first'), send(backend, [item], 'second'), send(backend, [item], 'second')]);
    expect(await backend.verify(item)).toBe('match');
    expect(await everything()).toEqual(['a/b/c']);
  });

  it('keeps letters, digits, dots, dashes and long names apart', async () => {
    const { backend, dir } = await setUp(make);
    const names = ['A', 'a', 'a.b-c_d', `${'x'.repeat(180)}.1.dar`, '0/1/2/3/4'];
    const items = await Promise.all(names.map((object, i) => sampleItem(dir, object, sampleBytes(10 + i, i + 1))));
    await send(backend, items);
    for (const item of items) expect(await backend.verify(item)).toBe('match');
  });

  it('reports progress that adds up to the bytes', async () => {
    const { backend, dir } = await setUp(make);
    const items = [await sampleItem(dir, 'big', sampleBytes(2 * MIB + 5)), await sampleItem(dir, 'small', sampleBytes(7))];
    const seen = new Map<string, number>();
    const onProgress = ({ object, bytes }: { object: string; bytes: number }): void => void seen.set(object, (seen.get(object) ?? 0) + bytes);
    await send(backend, items, 'key', { onProgress });
    expect(Object.fromEntries(seen)).toEqual({ big: 2 * MIB + 5, small: 7 });
  });

  it('says that it is usable', async () => {
    const { backend, everything } = await setUp(make);
    const { freeBytes } = await backend.probe();
    expect(freeBytes === null || freeBytes > 0).toBe(true);
    expect(await everything()).toEqual([]);
  });

  it('replaces small files of the restore kit, and nothing else', async () => {
    const { backend, everything } = await setUp(make);
    const object = `${REPLACEABLE_PREFIX}README.txt`;
    await backend.replace(object, Buffer.from('a longer first text'));
    await backend.replace(object, Buffer.from('second'));
    expect(await backend.stat(object)).toEqual({ object, bytes: 6 });
    await expect(backend.replace('alice-1/b1/manifest.json', Buffer.from('x'))).rejects.toMatchObject({ code: 'OBJECT_NAME_INVALID' });
    expect(await everything()).toEqual([object]);
  });
}

function refusalTests(make: Make): void {
  it('never replaces an object by other content', async () => {
    const { backend, dir } = await setUp(make);
    const first = await sampleItem(dir, 'a/b', sampleBytes(1000, 1));
    await send(backend, [first]);
    for (const content of [sampleBytes(1000, 2), sampleBytes(999, 1)]) {
      const second = await sampleItem(join(dir), 'a/b', content);
      await expect(send(backend, [second], `other-${content.length}`)).rejects.toMatchObject({ code: 'TRANSFER_OBJECT_EXISTS', retry: 'permanent' });
    }
    expect(await backend.verify(first)).toBe('match');
  });

  it.each([10, 3 * MIB])('publishes nothing when the source (%d bytes) is not what its hash says', async (length) => {
    const { backend, dir, everything } = await setUp(make);
    const item = await sampleItem(dir, 'a/b', sampleBytes(length));
    for (const wrong of [sampleBytes(length, 9), sampleBytes(length + 1), sampleBytes(length - 1)]) {
      await writeFile(item.file, wrong);
      await expect(send(backend, [item])).rejects.toMatchObject({ code: 'TRANSFER_SOURCE_CORRUPT', retry: 'permanent' });
      expect(await everything()).toEqual([]);
    }
  });

  it('publishes nothing when the source is gone', async () => {
    const { backend, dir, everything } = await setUp(make);
    const item = await sampleItem(dir, 'a/b', sampleBytes(10));
    await rm(item.file);
    await expect(send(backend, [item])).rejects.toMatchObject({ code: 'TRANSFER_SOURCE_MISSING', retry: 'permanent' });
    expect(await everything()).toEqual([]);
  });

  it('sends the others when one item fails', async () => {
    const { backend, dir } = await setUp(make);
    const items = [await sampleItem(dir, 'a', sampleBytes(1)), await sampleItem(dir, 'b', sampleBytes(2)), await sampleItem(dir, 'c', sampleBytes(3))];
    await rm(items[1]?.file ?? '');
    await expect(send(backend, items)).rejects.toMatchObject({ code: 'TRANSFER_SOURCE_MISSING' });
    expect(await Promise.all(items.map((item) => backend.verify(item)))).toEqual(['match', 'missing', 'match']);
  });

  it('leaves nothing after an abort before or amid the bytes', async () => {
    const { backend, dir, everything } = await setUp(make);
    const item = await sampleItem(dir, 'a/b', sampleBytes(4 * MIB));
    await expect(send(backend, [item], 'k', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'TRANSFER_ABORTED', retry: 'retry' });
    const midway = new AbortController();
    const aborted = send(backend, [item], 'k', { signal: midway.signal, onProgress: () => { midway.abort(); } });
    await expect(aborted).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' });
    expect(await everything()).toEqual([]);
  });

  it.each(['', '/abs', 'a//b', 'a/../b', '.', 'a/', 'ü', 'a b', 'x.part-1', 'y'.repeat(250)])('refuses the name %j', async (object) => {
    const { backend, dir, everything } = await setUp(make);
    const item = { ...(await sampleItem(dir, 'source', sampleBytes(1))), object };
    await expect(send(backend, [item], 'key')).rejects.toMatchObject({ code: 'OBJECT_NAME_INVALID' });
    expect(await everything()).toEqual([]);
  });
}

function readingTests(make: Make): void {
  const damages = [['damage', 'a flipped bit'], ['truncate', 'a cut']] as const;
  it.each(damages)('%s: notices %s at rest and does not fetch it', async (how) => {
    const under = await setUp(make);
    const { backend, dir } = under;
    const item = await sampleItem(dir, 'a/b', sampleBytes(2 * MIB));
    await send(backend, [item]);
    await under[how](item.object);
    expect(await backend.verify(item)).toBe('mismatch');
    const file = join(dir, 'fetched');
    await expect(backend.fetch({ ...item, file })).rejects.toMatchObject({ code: 'RESTORE_OBJECT_CORRUPT', retry: 'permanent' });
    await expect(access(file)).rejects.toThrow();
  });

  it('gives a part of a bundle, checked, or all of it unchecked', async () => {
    const { backend, dir, damage } = await setUp(make);
    const content = sampleBytes(9000);
    const bundle = await sampleItem(dir, 'bundles/b.tar', content);
    await send(backend, [bundle]);
    const part = (offset: number, bytes: number, name: string): TransferItem => ({ object: bundle.object, offset, bytes, file: join(dir, name), sha512: sha512(content.subarray(offset, offset + bytes)) });
    const parts = [part(512, 2000, 'first'), part(8999, 1, 'last'), part(4000, 0, 'empty')];
    await fetchItems(backend, parts);
    for (const { file, offset = 0, bytes } of parts) expect((await readFile(file)).equals(content.subarray(offset, offset + bytes))).toBe(true);
    await expect(fetchItems(backend, [{ ...part(8990, 10, 'beyond'), bytes: 11 }])).rejects.toMatchObject({ code: 'RESTORE_OBJECT_CORRUPT' });
    await damage(bundle.object); // byte 1234
    await expect(fetchItems(backend, [part(1000, 500, 'damaged')])).rejects.toMatchObject({ code: 'RESTORE_OBJECT_CORRUPT', retry: 'permanent' });
    await fetchItems(backend, [part(2000, 500, 'sound'), { ...bundle, file: join(dir, 'whole'), sha512: NO_HASH }]);
    await expect(Promise.all(['damaged', 'beyond', 'sound.bundle'].map((name) => access(join(dir, name)).then(() => name, () => null)))).resolves.toEqual([null, null, null]);
    if (backend.capabilities().rangeRead !== true) return;
    expect(await Promise.all([part(2000, 500, ''), part(1000, 500, '')].map((item) => backend.verify(item)))).toEqual(['match', 'mismatch']);
  });

  it('tells a missing object', async () => {
    const { backend, dir } = await setUp(make);
    const item = await sampleItem(dir, 'a/b', sampleBytes(5));
    expect(await backend.verify(item)).toBe('missing');
    expect(await backend.stat('a/b')).toBeNull();
    await expect(backend.fetch({ ...item, file: join(dir, 'f') })).rejects.toMatchObject({ code: 'RESTORE_OBJECT_MISSING' });
  });

  it('does not fetch over an existing file, nor removes it', async () => {
    const { backend, dir } = await setUp(make);
    const item = await sampleItem(dir, 'a/b', sampleBytes(5));
    await send(backend, [item]);
    await expect(backend.fetch(item)).rejects.toThrow();
    expect((await readFile(item.file)).equals(sampleBytes(5))).toBe(true);
  });

  it('leaves no file after an aborted fetch', async () => {
    const { backend, dir } = await setUp(make);
    const item = await sampleItem(dir, 'a/b', sampleBytes(3 * MIB));
    await send(backend, [item]);
    const midway = new AbortController();
    const file = join(dir, 'f');
    const fetched = backend.fetch({ ...item, file }, { signal: midway.signal, onProgress: () => { midway.abort(); } });
    await expect(fetched).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' });
    await expect(access(file)).rejects.toThrow();
  });
}

function recallTests(make: Make): void {
  it('orders what is not there, as often as one likes, and fetches it once it has come', async () => {
    const { backend, dir, tape } = await setUp(make);
    const items = await Promise.all(['a/one', 'a/two'].map((object) => sampleItem(dir, object, sampleBytes(100))));
    const objects = items.map(({ object }) => object);
    await send(backend, items);
    const file = join(dir, 'recalled');
    if (tape !== undefined) {
      tape.toTape(objects);
      await expect(backend.fetch({ ...items[0] as TransferItem, file })).rejects.toMatchObject({ code: 'RESTORE_NOT_RECALLED', retry: 'retry' });
      await expect(access(file)).rejects.toThrow();
      expect([...((await backend.stageStates?.([...objects, 'a/never-there'])) ?? new Map<string, string>()).values()]).toEqual(backend.stageStates === undefined ? [] : ['offline', 'offline', 'missing']);
    }
    await backend.stage(objects);
    await backend.stage(objects);
    tape?.deliver();
    expect((await backend.stageStates?.(objects))?.get('a/one') ?? 'online').toBe('online');
    await backend.fetch({ ...items[0] as TransferItem, file });
    expect((await readFile(file)).equals(sampleBytes(100))).toBe(true);
  });

  it('fetches many in one call where it can, and says of each that it could not', async () => {
    const { backend, dir } = await setUp(make);
    const items = await Promise.all(['a/one', 'a/two', 'a/three'].map((object, i) => sampleItem(dir, object, sampleBytes(100 + i))));
    await send(backend, items);
    await backend.remove(['a/two']);
    if (backend.fetchAll === undefined) return;
    const wanted = items.map((item, i) => ({ ...item, file: join(dir, `back-${i}`) }));
    const errors = await backend.fetchAll(wanted);
    expect([...errors].map(([file, { code }]) => [file, code])).toEqual([[join(dir, 'back-1'), 'RESTORE_OBJECT_MISSING']]);
    for (const i of [0, 2]) expect((await readFile(join(dir, `back-${i}`))).equals(sampleBytes(100 + i))).toBe(true);
    await expect(access(join(dir, 'back-1'))).rejects.toThrow();
  });
}

function listingTests(make: Make): void {
  it('lists complete objects below a directory, with sizes', async () => {
    const { backend, dir } = await setUp(make);
    const items = await Promise.all(['a/x', 'a/y/z', 'ab/x', 'top'].map((object, i) => sampleItem(dir, object, sampleBytes(i))));
    await send(backend, items);
    expect(await listAll(backend, 'a')).toEqual([{ object: 'a/x', bytes: 0 }, { object: 'a/y/z', bytes: 1 }]);
    expect((await listAll(backend, '')).map((found) => found.object)).toEqual(['a/x', 'a/y/z', 'ab/x', 'top']);
    expect(await listAll(backend, 'nothing/here')).toEqual([]);
  });

  it('does not show an object that is still on its way', async () => {
    const { backend, dir } = await setUp(make);
    const item = await sampleItem(dir, 'a/b', sampleBytes(4 * MIB));
    const seen: Promise<StoredObject[]>[] = [];
    await send(backend, [item], 'key', { onProgress: () => void seen.push(listAll(backend, '')) });
    const early = (await Promise.all(seen)).flat();
    for (const found of early) expect(found).toEqual({ object: 'a/b', bytes: item.bytes });
    expect(await listAll(backend, '')).toEqual([{ object: 'a/b', bytes: item.bytes }]);
  });

  it('removes, and does not mind what is gone; the name can be used again', async () => {
    const { backend, dir, everything } = await setUp(make);
    const item = await sampleItem(dir, 'a/b/c', sampleBytes(5));
    await send(backend, [item]);
    expect(await backend.stat('a/b/c')).toEqual({ object: 'a/b/c', bytes: 5 });
    await backend.remove(['a/b/c', 'a/b/never-there']);
    await backend.remove(['a/b/c']);
    expect(await everything()).toEqual([]);
    await send(backend, [item]);
    expect(await backend.verify(item)).toBe('match');
  });

  it('has objects in place exactly where it says so', async () => {
    const { backend, dir } = await setUp(make);
    const item = await sampleItem(dir, 'a/b', sampleBytes(5));
    await send(backend, [item]);
    await backend.stage(['a/b']);
    const path = backend.localPath('a/b');
    expect(path !== null).toBe(backend.capabilities().directRead);
    if (path !== null) expect((await readFile(path)).equals(sampleBytes(5))).toBe(true);
  });
}
