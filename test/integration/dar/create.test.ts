import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DarConfig } from '../../../shared/config/config.js';
import { extract, hashFile, isolateCatalogue, probeDar, sliceNumbers, startCreate, testArchive, watchSlices, type CompleteSlice, type DarCreate } from '../../../shared/dar/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { abortWhenSettled, activeChildren, run } from '../../../shared/process/index.js';
import { create, createDone, describeTree, fixture, listAll, PLAIN, shell, type Fixture } from './dar-fixture.js';

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

/** Every type of entry, odd names, and attributes. */
const ODD_TREE = `
  mkdir -p d/sub 'd/sub/q"<&>'; echo one > d/one; ln d/one d/sub/also-one; ln -s 'a"b<>&' link; ln -s nowhere d/dangling
  mkfifo fifo; mknod block b 7 5; mknod char c 1 3; truncate -s 3000000 sparse; echo end >> sparse; touch empty -- -dash ' lead' '#hash' 'back\\slash'
  echo 1 > "$(printf 'new\\nline')"; echo 2 > "$(printf 'a\\n#b')"; echo 3 > "$(printf '\\377\\n\\376')"; echo 4 > "$(printf 'cr\\r')"; echo 5 > "$(printf '\\377raw')"
  echo 6 > "$(printf 'quote\\n\\047"\\140\\\\')"; echo 7 > '"><File name="forged" size="1'; echo 8 > "$(printf 'tab\\tname')"
  mkdir "$(printf 'dir\\nline')"; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
  setfacl -m u:1234:rw d/one; setfattr -n user.mark -v yes d; setfacl -d -m g:55:rx d/sub; chown 1000:1001 d/sub; chmod 2750 d/sub
  touch -h -d '2001-02-03 04:05:06.789' d/dangling link d/one d/sub d; touch -d '1969-01-01' empty
`;

async function collect(fx: Fixture, finished: Promise<unknown>): Promise<CompleteSlice[]> {
  const slices: CompleteSlice[] = [];
  for await (const batch of watchSlices({ dir: join(fx.dir, 'staging'), baseName: 'a', intervalMs: () => 10, finished })) slices.push(...batch);
  return slices;
}

/** `count` files of 4 KiB in one directory each hundred. */
async function bigTree(fx: Fixture, count: number): Promise<void> {
  await shell(fx.root, `python3 -c '
import os
for i in range(${count}):
    d = "d%d" % (i // 100)
    if i % 100 == 0: os.mkdir(d)
    open(d + "/f%d" % i, "wb").write(os.urandom(4096))'`);
}

describe('probeDar', () => {
  it('knows the installed dar', async () => {
    const { stdout } = await run({ program: 'dar', args: ['-V'] });
    expect(stdout.toString()).toContain(`dar version ${(await probeDar()).version},`);
  });
});

describe('startCreate', () => {
  it('saves and restores every type, name and attribute', async () => {
    const fx = await fixture();
    await shell(fx.root, ODD_TREE);
    const outcome = await createDone(fx);
    expect(outcome).toMatchObject({ exitCode: 0, meaning: 'complete', lastError: null, catalogueWritten: false });
    expect(outcome.errorLines.map(String).join()).toMatch(/negative.*1970/i); // `empty`, and nothing else
    expect(outcome.errorLines.length).toBeLessThan(4);
    expect(outcome.wallMs).toBeGreaterThan(0);
    const entries = await listAll(fx, fx.base);
    const found = (await shell(fx.root, `find . -mindepth 1 -printf '%P %y\\0'`)).split('\0').filter(Boolean);
    expect([...entries.values()].map((e) => `${e.path} ${e.type}`).sort()).toEqual(found.sort());
    expect(entries.get('d/one')).toMatchObject({ size: '4', hardlinked: true, hasEa: true, data: 'saved', mtime: '981173106' });
    expect(entries.get('sparse')).toMatchObject({ size: '3000004', hasEa: false });
    expect([entries.get('empty')?.mtime, entries.get('link')?.size]).toEqual(['0', '']);
    const out = { base: fx.base, root: bytePath.fromText(join(fx.dir, 'out')), dar: PLAIN, logFile: fx.logFile, secretsDir: fx.secretsDir };
    expect(await extract({ ...out, pass: 'default-acls-excluded' })).toMatchObject({ exitCode: 0, problems: [] });
    expect(await extract({ ...out, pass: 'directories' })).toMatchObject({ exitCode: 0, problems: [] });
    await shell(fx.root, `touch -d '1970-01-01 UTC' empty`); // -az saved it so
    expect(await describeTree(join(fx.dir, 'out'))).toEqual(await describeTree(fx.root));
    expect(await shell(join(fx.dir, 'out'), `stat -c %b sparse; stat -c %h d/one`)).toMatch(/^(8|16|0)\n2\n$/);
    expect(activeChildren()).toEqual([]);
  });

  it('takes a root whose path is not text, and writes private files', async () => {
    const fx = await fixture();
    const root = Buffer.concat([Buffer.from(`${fx.dir}/`), Buffer.from([0xff, 0x0a])]);
    await run({ program: 'mkdir', args: [root] });
    await writeFile(Buffer.concat([root, Buffer.from('/f')]), 'x');
    await writeFile(join(fx.dir, 'names'), 'f\n');
    const child = await startCreate({ ...fx, root: bytePath.fromBuffer(root), listFile: join(fx.dir, 'names'), includePaths: [], catalogueBase: `${fx.base}.cat`, dar: PLAIN });
    expect(await child.done).toMatchObject({ meaning: 'complete', catalogueWritten: true });
    const files = await readdir(join(fx.dir, 'staging'));
    expect(files.sort()).toEqual(['a.1.dar', 'a.1.dar.sha512', 'a.cat.1.dar', 'a.cat.1.dar.sha512']);
    for (const name of files) expect((await stat(join(fx.dir, 'staging', name))).mode & 0o777).toBe(0o600);
    expect([...(await listAll(fx, `${fx.base}.cat`)).values()]).toMatchObject([{ path: 'f', data: 'referenced' }]);
  });

  it('applies the policy: compression, files stored only, attributes left out', async () => {
    const fx = await fixture();
    await shell(fx.root, `head -c 200000 /dev/zero | tr '\\0' x > a.txt; cp a.txt a.gz; setfattr -n user.keep -v 1 a.txt; setfattr -n user.drop -v 1 a.txt`);
    const dar: DarConfig = { ...PLAIN, compression: 'zstd:1', storeOnly: ['*.gz'], excludeXattrs: ['user.drop'] };
    await createDone(fx, dar);
    const xml = await shell(fx.dir, `dar -l ${fx.base} -Q -N -Txml -ay -alist-ea`);
    expect(Number(/"a\.txt" size="200000" stored="(\d+)"/.exec(xml)?.[1])).toBeLessThan(1000);
    expect(xml).toContain('"a.gz" size="200000" stored="200000"');
    expect(xml).toContain('user.keep');
    expect(xml).not.toContain('user.drop');
  });

  it('names unreadable files, and files that changed', async () => {
    const fx = await fixture();
    await shell(fx.root, 'echo ok > ok; mkdir gone');
    const child = await startCreate({ ...fx, root: bytePath.fromText('/proc/self/'), listFile: await listOf(fx, 'mem\nstatus\n'), includePaths: [], catalogueBase: null, dar: PLAIN });
    const outcome = await child.done;
    expect(outcome).toMatchObject({ exitCode: 5, meaning: 'unreadable' });
    expect(outcome.lastError).toMatch(/Error while saving .*mem/);
  });

  it('rejects what left no archive', async () => {
    const fx = await fixture();
    await shell(fx.root, 'echo x > f');
    await expect(createDone(fx, PLAIN, { root: bytePath.fromText(join(fx.dir, 'none')) })).rejects.toThrow(code('DAR_SOURCE_MISSING'));
    await createDone(fx);
    const before = await hashFile(`${fx.base}.1.dar`);
    await expect(createDone(fx)).rejects.toThrow(code('DAR_SLICE_EXISTS'));
    expect(await hashFile(`${fx.base}.1.dar`)).toBe(before);
    await expect(createDone(fx, PLAIN, { base: join(fx.dir, 'b'), listFile: '/no/such/list' })).rejects.toThrow(code('DAR_FAILED'));
    const keyFile = '/no/such/key';
    await expect(createDone(fx, { ...PLAIN, encryption: { keyFile, cipher: 'aes', keyId: 'k' } })).rejects.toThrow(code('DAR_KEY_UNUSABLE'));
  });

  it('tells a full staging filesystem', async () => {
    const fx = await fixture();
    await shell(fx.root, 'head -c 20000000 /dev/urandom > big');
    const staging = join(fx.dir, 'staging');
    await run({ program: 'mount', args: ['-t', 'tmpfs', '-o', 'size=5M', 'tmpfs', staging] });
    onTestFinished(async () => { await run({ program: 'umount', args: [staging] }); });
    await expect(createDone(fx, { ...PLAIN, sliceBytes: 1_000_000 })).rejects.toMatchObject({ code: 'STAGING_FULL', retry: 'retry' });
  });
});

describe('encryption', () => {
  const passphrase = ' pa"ss\'`wo\\rd# $x: \u00e4\\';

  it('hides the passphrase, and encrypts archive and catalogues', async () => {
    const fx = await fixture();
    await shell(fx.root, 'echo needle-in-the-hay > needle; mkdir d');
    await writeFile(join(fx.dir, 'key'), `${passphrase}\n`, { mode: 0o600 });
    const dar: DarConfig = { ...PLAIN, encryption: { keyFile: join(fx.dir, 'key'), cipher: 'aes256', keyId: 'k' } };
    await createDone(fx, dar, { catalogueBase: `${fx.base}.fly` });
    await isolateCatalogue(fx.base, `${fx.base}.cat`, dar, fx);
    for (const base of [fx.base, `${fx.base}.fly`, `${fx.base}.cat`]) {
      expect([...(await listAll(fx, base, dar)).keys()].sort()).toEqual(['d', 'needle']);
      expect((await readFile(`${base}.1.dar`)).includes('needle')).toBe(false);
      await expect(listAll(fx, base)).rejects.toThrow(code('DAR_CATALOGUE_UNREADABLE'));
    }
    await testArchive(fx.base, dar, fx);
    await expect(testArchive(fx.base, PLAIN, fx)).rejects.toThrow(code('DAR_ARCHIVE_DAMAGED'));
    const root = bytePath.fromText(join(fx.dir, 'out'));
    await extract({ ...fx, root, dar, pass: 'plain', includePaths: [bytePath.of('needle')] });
    expect(await readdir(join(fx.dir, 'out'))).toEqual(['needle']);
    expect(await readdir(fx.secretsDir)).toEqual([]);
    // Stock dar opens it with the passphrase alone.
    await run({ program: 'dar', args: ['-t', fx.base, '-Q', '-N', '-K', `aes256:${passphrase}`] });
  });
});

const moment = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 1); });

/**
 * Stops dar inside a slice after the first, where a TERM is safe: one exactly at a slice edge can ruin the archive (then the shard is made again).
 * It gets there in pulses, so that it does not end while we stand still.
 */
async function pauseInsideSlice(fx: Fixture, child: DarCreate, sliceBytes: number): Promise<void> {
  const ended = abortWhenSettled(child.done);
  for (;;) {
    child.pause();
    while (/^State:\s+T/m.exec(await readFile(`/proc/${child.pid}/status`, 'latin1')) === null) {
      ended.throwIfAborted(); // a zombie is never stopped
      await moment();
    }
    if (await isInsideSlice(fx, sliceBytes)) return;
    child.resume();
    await moment();
  }
}

async function isInsideSlice(fx: Fixture, sliceBytes: number): Promise<boolean> {
  const last = (await sliceNumbers(fx.base)).at(-1) ?? 0;
  if (last < 2) return false;
  const { size } = await stat(`${fx.base}.${last}.dar`);
  return size > sliceBytes * 0.2 && size < sliceBytes * 0.8;
}

describe('slices', () => {
  const dar = { ...PLAIN, sliceBytes: 1_000_000 };

  it('are reported with the hashes dar made, which are right', async () => {
    const fx = await fixture();
    await bigTree(fx, 1500);
    const child = await create(fx, dar);
    const slices = await collect(fx, child.done);
    expect(slices.map((slice) => slice.number)).toEqual(await sliceNumbers(fx.base));
    expect(slices.length).toBeGreaterThan(5);
    for (const slice of slices) expect(slice).toMatchObject({ bytes: (await stat(slice.file)).size, sha512: await hashFile(slice.file) });
  });

  it('of an interrupted archive are complete, tested, listed and rightly hashed', async () => {
    const fx = await fixture();
    await bigTree(fx, 12_000);
    const slow = { ...dar, compression: 'bzip2:9' }; // all of it takes several seconds
    const child = await create(fx, slow, { catalogueBase: `${fx.base}.fly` });
    const watch = watchSlices({ dir: join(fx.dir, 'staging'), baseName: 'a', intervalMs: () => 2, finished: child.done });
    await pauseInsideSlice(fx, child, dar.sliceBytes);
    await watch.next();
    expect((await child.progress())?.readBytes).toBeGreaterThan(0);
    child.terminate();
    child.terminate();
    const outcome = await child.done;
    expect(outcome).toMatchObject({ exitCode: 4, meaning: 'interrupted', catalogueWritten: false });
    expect(await child.progress()).toBeNull();
    const slices = await collect(fx, child.done);
    for (const slice of slices) expect(slice.sha512).toBe(await hashFile(slice.file));
    await testArchive(fx.base, slow, fx);
    await isolateCatalogue(fx.base, `${fx.base}.cat`, slow, fx);
    const saved = (await listAll(fx, `${fx.base}.cat`)).size;
    expect(saved).toBeGreaterThan(100);
    expect(saved).toBeLessThan(12_120);
  });
});

async function listOf(fx: Fixture, text: string): Promise<string> {
  await writeFile(join(fx.dir, 'own-list'), text);
  return join(fx.dir, 'own-list');
}
