import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { suspectOutage } from '../../../shared/errors/outages.js';
import type { StoredObject, TransferBackend, TransferItem } from '../../../shared/transfer/backend.js';
import { createLimiter } from '../../../shared/transfer/bandwidth.js';
import { RCLONE_LIMITS } from '../../../shared/transfer/rclone/limits.js';
import type { RcloneBackend } from '../../../shared/transfer/rclone/rclone-backend.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { restoreDifferences, sealed } from '../../helpers/chain.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { needs } from '../../helpers/needs.js';
import { RCLONE_IS_HERE, rcloneBox, rcloneLts } from '../../helpers/rclone-remote.js';
import { testSite } from '../../helpers/site.js';
import { workspace } from '../../helpers/workspace.js';

beforeEach((context) => { needs(context, RCLONE_IS_HERE, 'rclone'); });

/** Starts of rclone of a backup of a few files, the probe of the worker's start included, without looks at the root: it is looked at again when it was not seen of late. */
const STARTS_OF_A_SMALL_BACKUP = 19;
const LOOK_AT_ROOT = /^lsjson .*--stat box:\/lts$/;
/** As in shared/transfer/rclone/remote.ts. */
const ROOT_SEEN_MS = 5_000;

it('full, incremental and restore through rclone', async () => {
  const started = join(await workspace(), 'started');
  await fakeRclone(`*) echo "$*" >> ${started}`);
  const startedAt = performance.now();
  const site = await testSite({ prepare: async (dir) => ({ lts: [{ name: 'off', backend: 'rclone', dir: '/lts', rclone: await rcloneBox(dir) }] }) });
  const alice = join(site.topdir, 'alice');
  await mkdir(join(alice, 'sub'), { recursive: true });
  for (const [name, seed] of [['kept', 1], ['changed', 2]] as const) await writeFile(join(alice, 'sub', name), sampleBytes(50_000, seed));
  const full = await sealed(site, 'alice', 'full');
  const starts = (await readFile(started, 'utf8')).trim().split('\n');
  const others = starts.filter((start) => !LOOK_AT_ROOT.test(start));
  expect(others.length, others.join('\n')).toBeLessThanOrEqual(STARTS_OF_A_SMALL_BACKUP);
  expect(starts.length - others.length, 'looks at the root').toBeLessThanOrEqual(1 + (performance.now() - startedAt) / ROOT_SEEN_MS);
  await writeFile(join(alice, 'sub', 'changed'), sampleBytes(60_000, 3));
  const incremental = await sealed(site, 'alice', 'incremental');
  expect(incremental).toMatchObject({ parent: full.backupId, outcome: 'clean' });
  expect(await restoreDifferences(site, incremental, alice)).toEqual([]);
  const entries = await readdir(join(site.dir, 'lts'), { recursive: true });
  expect(entries.filter((name) => name.includes('.part-'))).toEqual([]);
});

describe.each(['webdav', 'sftp'] as const)('over %s', (kind) => {
  it('puts, proves, lists, fetches, replaces and removes', async () => {
    const dir = await workspace();
    const served = join(dir, 'served');
    await mkdir(join(served, 'lts'), { recursive: true });
    const backend = rcloneLts({ remote: 'far', configFile: await serve(kind, dir, served) });
    expect(await backend.probe()).toHaveProperty('freeBytes');
    const items = await Promise.all(['a/b/one', 'a/b/two', 'c/three', 'top'].map((object, i) => sampleItem(dir, object, sampleBytes(30_000 * i, i + 1))));
    await backend.submit('key', items);
    expect(await all(backend)).toEqual(items.map(({ object, bytes }) => ({ object, bytes })));
    const [first = expect.unreachable()] = items.slice(1);
    expect(await backend.verify(first)).toBe('match');
    await backend.fetch({ ...first, file: join(dir, 'back') });
    // What is there is adopted by its content, not by size and time.
    await writeFile(join(served, 'lts', 'c/three'), sampleBytes(60_000, 9));
    await expect(backend.submit('key2', items)).rejects.toMatchObject({ code: 'TRANSFER_OBJECT_EXISTS' });
    await backend.replace('restore-kit/x', Buffer.from('first'));
    await backend.replace('restore-kit/x', Buffer.from('other'));
    expect(await backend.verify({ ...(await sampleItem(dir, 'x', Buffer.from('other'))), object: 'restore-kit/x' })).toBe('match');
    await backend.remove([...items.map(({ object }) => object), 'restore-kit/x', 'never/there']);
    expect(await all(backend)).toEqual([]);
    expect((await readdir(join(served, 'lts'))).sort()).toEqual(['a', 'c', 'restore-kit']);
  });
});

describe('what goes wrong', () => {
  it('an absent root is told, and never made', async () => {
    const { dir, backend, item } = await box();
    await rm(join(dir, 'lts'), { recursive: true });
    const missing = { code: 'LTS_MISSING', retry: 'operator', lts: 'off' };
    await Promise.all([
      expect(backend.submit('key', [item])).rejects.toMatchObject(missing),
      expect(backend.verify(item)).rejects.toMatchObject(missing),
      expect(backend.stat(item.object)).rejects.toMatchObject(missing),
      expect(all(backend)).rejects.toMatchObject(missing),
      expect(backend.probe()).rejects.toMatchObject(missing),
    ]);
    await expect(readdir(join(dir, 'lts'))).rejects.toThrow('ENOENT');
  });

  it('a remote that the configuration does not have', async () => {
    const dir = await workspace();
    const { configFile } = await rcloneBox(dir);
    await expect(rcloneLts({ remote: 'other', configFile }).probe()).rejects.toMatchObject({ code: 'RCLONE_CONFIG', retry: 'operator' });
  });

  it('an rclone that flips a bit on the way, ends with 0 and says all is well', async () => {
    const { backend, item } = await box();
    await fakeRclone('*" copy "*) n=$(head -n 1); d=$(eval echo "\\${$#}"); printf x | "$REAL" rcat --config "$3" "$d/$n"; exit 0');
    await expect(backend.submit('key', [item])).rejects.toMatchObject({ code: 'TRANSFER_VERIFY_MISMATCH', retry: 'retry' });
    expect(await all(backend)).toEqual([]);
  });

  it('another object of the same size that comes between looking and moving: it is not taken for ours', async () => {
    const { dir, backend, item } = await box();
    await fakeRclone(`*" move "*) mkdir -p '${dir}/lts/a/b' && head -c ${item.bytes} /dev/zero > '${dir}/lts/a/b/c'; exec "$REAL" "$@"`);
    await expect(backend.submit('key', [item])).rejects.toMatchObject({ code: 'TRANSFER_OBJECT_EXISTS' });
    expect(await backend.verify(item)).toBe('mismatch');
    expect(await readdir(join(dir, 'lts', 'a'))).toEqual(['b']);
  });

  it('what a killed transfer left is not shown, and swept when it is old, by the key or by the directory', async () => {
    const { dir, backend, item } = await box(() => 2_000_000);
    const left = ['a/b.part-key-1-00', 'a/b.part-key2-2000-00', 'a/b/c.part-key-1-00', 'x/y.part-key-1-00'];
    for (const name of left) {
      await mkdir(join(dir, 'lts', name), { recursive: true });
      await writeFile(join(dir, 'lts', name, 'half'), 'x');
    }
    expect(await all(backend)).toEqual([]);
    await backend.reconcile('key2', [{ ...item, object: 'a/b/two' }]);
    expect(await readdir(join(dir, 'lts', 'a'))).toEqual(['b', 'b.part-key-1-00']);
    expect(await backend.sweepParts(3_000_000, 'a/b')).toBe(0);
    expect(await backend.sweepParts(1_000_000, 'a/b')).toBe(2);
    expect(await readdir(join(dir, 'lts', 'a'))).toEqual(['b']);
    expect(await backend.sweepParts(1_000_000, 'x')).toBe(1);
  });

  it('keeps to the bandwidth', async () => {
    const dir = await workspace();
    const bandwidth = { write: createLimiter(400_000), read: createLimiter(null) };
    const backend = rcloneLts({ ...(await rcloneBox(dir)), bandwidth });
    const started = performance.now();
    await backend.submit('key', [await sampleItem(dir, 'a/b', sampleBytes(400_000))]);
    expect(performance.now() - started).toBeGreaterThan(700);
  });
});

describe('a remote that hangs', () => {
  /** What is asked of it, and where it hangs: the remote `hang-VERB:` at that verb of rclone. */
  const calls: Readonly<Record<string, (backend: RcloneBackend, item: TransferItem, signal?: AbortSignal) => Promise<unknown>>> = {
    backend: submit, lsjson: submit, copy: submit, hashsum: submit, move: submit,
    cat: (backend, item) => backend.verify(item),
    delete: (backend, item) => backend.remove([item.object]),
    rcat: (backend) => backend.replace('restore-kit/x', Buffer.from('x')),
  };

  it('is out after a while, whatever was asked', async () => {
    const { item } = await hangingRclone();
    const backendOf = (verb: string) => rcloneLts({ remote: `hang-${verb}`, configFile: null, limits: { askMs: 400, silentMs: 400, cleanUpMs: 100 } });
    const out = { code: 'TRANSFER_IO', retry: 'retry', lts: 'off' };
    await Promise.all(Object.entries(calls).map(([verb, call]) => expect(call(backendOf(verb), item), verb).rejects.toMatchObject(out)));
    await expect(all(backendOf('lsjson'))).rejects.toMatchObject(out);
    await submit(rcloneLts({ remote: 'hang-purge', configFile: null, limits: { ...RCLONE_LIMITS, cleanUpMs: 100 } }), item); // what is left there is swept
    expect(suspectOutage({ code: out.code, cause: undefined }).kinds).toEqual(['lts']);
  });

  it('is not waited for by who gives up', async () => {
    const { item, hanging } = await hangingRclone();
    const verbs = ['copy', 'hashsum', 'lsjson', 'move'];
    const stop = new AbortController();
    const givenUp = Promise.all(verbs.map((verb) => expect(submit(rcloneLts({ remote: `hang-${verb}`, configFile: null }), item, stop.signal), verb).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' })));
    await expect.poll(hanging).toEqual(verbs);
    const startedAt = performance.now();
    stop.abort();
    await givenUp;
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  function submit(backend: RcloneBackend, item: TransferItem, signal?: AbortSignal): Promise<unknown> {
    return backend.submit('key', [item], signal === undefined ? {} : { signal });
  }

  /** A program that says what rclone would say of this item, as if it had done what it was told. `hanging`: the verbs that it hangs at. */
  async function hangingRclone(): Promise<{ item: TransferItem; hanging: () => Promise<string[]> }> {
    const dir = await workspace();
    const item = await sampleItem(dir, 'a/b/c', sampleBytes(1000));
    const log = join(dir, 'hanging');
    await writeFile(log, '');
    const sha256 = createHash('sha256').update(sampleBytes(1000)).digest('hex');
    const features = '{"Name":"local","Hashes":["sha256"],"Features":{"About":false,"BucketBased":false,"Copy":false,"Move":true}}';
    await fakeProgram('rclone', [
      `for arg in "$@"; do case "$arg" in "hang-$1:"*) echo "$1" >> ${log}; exec sleep 600;; esac; done`,
      'case "$1" in',
      `backend) echo '${features}';;`,
      `hashsum) while read -r name; do echo "${sha256}  $name"; done;;`,
      'lsjson) echo \'{"Path":"a/b/c","Size":1000,"IsDir":false}\';;',
      'esac',
    ].join('\n'));
    return { item, hanging: async () => (await readFile(log, 'utf8')).split('\n').filter((verb) => verb !== '').sort() };
  }
});

async function box(now: () => number = Date.now) {
  const dir = await workspace();
  return { dir, backend: rcloneLts({ ...(await rcloneBox(dir)), now }), item: await sampleItem(dir, 'a/b/c', sampleBytes(1000)) };
}

async function all(backend: TransferBackend): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for await (const object of backend.list('')) found.push(object);
  return found.sort((a, b) => (a.object < b.object ? -1 : 1));
}

/** An rclone that does one thing otherwise: a line of `case " $* " in`. */
async function fakeRclone(otherwise: string): Promise<void> {
  const real = (process.env['PATH'] ?? '').split(':').map((dir) => join(dir, 'rclone'));
  await fakeProgram('rclone', `for REAL in ${real.join(' ')}; do [ -x "$REAL" ] && break; done\ncase " $* " in\n${otherwise};;\nesac\nexec "$REAL" "$@"`);
}

/** A server of rclone's own on 127.0.0.1, until the test ends. Returns the configuration of a remote `far` that leads to it. */
async function serve(kind: 'webdav' | 'sftp', dir: string, served: string): Promise<string> {
  const account = ['--user', 'bw', '--pass', 'geheim'];
  const server = spawn('rclone', ['serve', kind, '--config', '/dev/null', '--cache-dir', join(dir, 'cache'), '--addr', '127.0.0.1:0', '-v', ...account, served], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: dir },
  });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  });
  const port = await portOf(createInterface({ input: server.stderr }));
  const obscured = await obscure('geheim');
  const remote = kind === 'webdav' ? `url = http://127.0.0.1:${port}\nvendor = other\nuser = bw\npass = ${obscured}` : `host = 127.0.0.1\nport = ${port}\nuser = bw\npass = ${obscured}`;
  await writeFile(join(dir, 'far.conf'), `[far]\ntype = ${kind}\n${remote}\n`, { mode: 0o600 });
  return join(dir, 'far.conf');
}

async function portOf(lines: AsyncIterable<string>): Promise<string> {
  let said = '';
  for await (const line of lines) {
    const port = /(?:127\.0\.0\.1|localhost):(\d+)/.exec(line)?.[1];
    if (port !== undefined && port !== '0') return port;
    said += `${line}\n`;
  }
  throw new Error(`the server ended: ${said}`);
}

async function obscure(password: string): Promise<string> {
  const child = spawn('rclone', ['obscure', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(password);
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return text.trim();
}
