import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { sendSignal } from '../../../shared/process/active-children.js';
import { createLimiter } from '../../../shared/transfer/bandwidth.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import { createGridftpBackend, type GridftpBackend } from '../../../shared/transfer/gridftp/gridftp-backend.js';
import type { GridftpOptions } from '../../../shared/transfer/gridftp/options.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { startFaultProxy, type FaultProxy } from '../../helpers/ftp-fault-proxy.js';
import { GRIDFTP_PROGRAMS, guestDirectory, hasGridftp, startGridftpServer, type GridftpTestServer } from '../../helpers/gridftp-server.js';
import { freePort } from '../../helpers/redis-server.js';
import { needs, needsRoot } from '../../helpers/needs.js';
import { workspace } from '../../helpers/workspace.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Longer than a machine that runs tests stands still. */
const STALL_MS = 8_000;

let base = '';
let running: GridftpTestServer | null = null;
let proxy: FaultProxy | null = null;

beforeAll(async () => {
  if (!hasGridftp()) return;
  base = await mkdtemp(join(tmpdir(), 'bw-test-gridftp-'));
  running = await startGridftpServer(base, 'anonymous');
  proxy = await startFaultProxy(running.server);
});
afterAll(async () => {
  await proxy?.stop();
  await running?.stop();
  if (base !== '') await rm(base, { recursive: true, force: true });
});
beforeEach((context) => { needs(context, hasGridftp(), GRIDFTP_PROGRAMS); });

function theServer(): GridftpTestServer {
  if (running === null) throw new Error('not started');
  return running;
}

function theProxy(): FaultProxy {
  if (proxy === null) throw new Error('not started');
  return proxy;
}

async function backendOf(more: Partial<GridftpOptions> = {}): Promise<{ backend: GridftpBackend; store: string; dir: string }> {
  const store = more.dir ?? (await guestDirectory(await workspace()));
  const { server, auth } = theServer();
  const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
  return { backend: createGridftpBackend({ name: 'grid', server, dir: store, auth, parallel: 2, concurrent: 2, bandwidth, ...more }), store, dir: await workspace() };
}

async function names(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1)).sort();
}

describe('bytes that are spoiled on their way', () => {
  it.each(['flip', 'cut'] as const)('%s: is caught when sending, publishes nothing, and goes well the next time', async (fault) => {
    const { backend, store, dir } = await backendOf({ server: theProxy().server });
    const items = [await sampleItem(dir, 'b/1', sampleBytes(200 * KIB)), await sampleItem(dir, 'b/2', sampleBytes(10))];
    const before = theProxy().spoiled();
    theProxy().faults.push(fault);
    const first = await sendItems({ backend, items, key: 'k' });
    expect(theProxy().spoiled()).toBe(before + 1);
    expect(first.map(({ state }) => state)).toEqual(['failed', 'committed']);
    expect(first[0]?.error).toMatchObject({ retry: 'retry', lts: 'grid' });
    expect(['TRANSFER_VERIFY_MISMATCH', 'TRANSFER_IO']).toContain(first[0]?.error?.code);
    expect(await names(store)).toEqual(['b/2']);
    const second = await sendItems({ backend, items, key: 'k' });
    expect(second.map(({ state }) => state)).toEqual(['committed', 'committed']);
    expect(await names(store)).toEqual(['b/1', 'b/2']);
  });

  it.each(['flip', 'cut'] as const)('%s: is caught when fetching, and fetched again', async (fault) => {
    const { backend, dir } = await backendOf({ server: theProxy().server });
    const item = await sampleItem(dir, 'b/1', sampleBytes(200 * KIB));
    await backend.submit('k', [item]);
    const before = theProxy().spoiled();
    theProxy().faults.push(fault);
    await backend.fetch({ ...item, file: join(dir, 'back') });
    expect(theProxy().spoiled()).toBe(before + 1);
    expect((await stat(join(dir, 'back'))).size).toBe(200 * KIB);
  });
});

it('whoever dies at whichever command of a put leaves nothing under a final name that is not a match, and parts that are swept', async () => {
  const { backend: alive, store, dir } = await backendOf();
  const item = await sampleItem(dir, 'b1/x.1.dar', sampleBytes(20 * KIB));
  const dying = theProxy();
  onTestFinished(() => { dying.dieAfter = null; });
  const parts = new Set<number>();
  let published = false;
  for (let edge = 0; !published; edge += 1) {
    const { backend } = await backendOf({ server: dying.server, dir: store });
    dying.dieAfter = edge;
    published = await backend.submit('k', [item]).then(() => true, () => false);
    const left = await names(store);
    parts.add(left.filter((name) => name.includes('.part-')).length);
    if (left.includes(item.object)) expect(await alive.verify(item)).toBe('match');
    await expect.poll(async () => alive.sweepParts(-60_000).then(() => names(store))).toEqual(left.includes(item.object) ? [item.object] : []);
    if (!published) await alive.remove([item.object]);
    expect(edge).toBeLessThan(100);
  }
  expect(parts).toEqual(new Set([0, 1]));
});

describe('servers that can less', () => {
  it.each([
    ['only MD5', (line: string) => /SHA512/.test(line), 'b/1'],
    ['no CKSM', (line: string) => line.includes('CKSM'), 'b/1'],
    ['no MLSC', (line: string) => line.trim() === 'MLSC', 'b/1'],
  ])('%s: proves and lists all the same', async (_, hide) => {
    const { backend, store, dir } = await backendOf({ server: theProxy().server });
    theProxy().hide = hide;
    onTestFinished(() => { theProxy().hide = () => false; });
    const item = await sampleItem(dir, 'b/1', sampleBytes(10 * KIB));
    theProxy().faults.push('flip');
    await expect(backend.submit('k', [item])).rejects.toMatchObject({ retry: 'retry' });
    await backend.submit('k', [item]);
    expect(await backend.verify(item)).toBe('match');
    await writeFile(join(store, 'b/1'), sampleBytes(10 * KIB, 7));
    expect(await backend.verify(item)).toBe('mismatch');
    const listed = [];
    for await (const object of backend.list('')) listed.push(object);
    expect(listed).toEqual([{ object: 'b/1', bytes: 10 * KIB }]);
  });
});

describe('storage and server in trouble', () => {
  it('tells a full storage and leaves no part in it', async (context) => {
    needsRoot(context);
    const store = await workspace();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0777', 'tmpfs', store]);
    onTestFinished(() => { execFileSync('umount', ['-l', store]); });
    const { backend, dir } = await backendOf({ dir: store });
    const [small, big] = [await sampleItem(dir, 'small', sampleBytes(10)), await sampleItem(dir, 'big', sampleBytes(20 * MIB))];
    const results = await sendItems({ backend, items: [small, big], key: 'k' });
    expect(results.map(({ state, error }) => [state, error?.code])).toEqual([['committed', undefined], ['failed', 'TRANSFER_NO_SPACE']]);
    expect(await names(store)).toEqual(['small']);
  });

  it('tells when it may not write, and when its directory is gone', async () => {
    const { backend, store, dir } = await backendOf();
    await chmod(store, 0o555);
    const item = await sampleItem(dir, 'a/b', sampleBytes(10));
    await expect(backend.submit('k', [item])).rejects.toMatchObject({ code: 'TRANSFER_DENIED', retry: 'operator', lts: 'grid' });
    await expect(backend.probe()).rejects.toMatchObject({ code: 'TRANSFER_DENIED' });
    const gone = await backendOf({ dir: join(store, 'gone') });
    await expect(gone.backend.submit('k', [item])).rejects.toMatchObject({ code: 'LTS_MISSING' });
    await expect(gone.backend.stat('a/b')).rejects.toMatchObject({ code: 'LTS_MISSING' });
    await expect(gone.backend.list('a')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'LTS_MISSING' });
    const outside = await backendOf({ dir: '/usr' });
    await expect(outside.backend.probe()).rejects.toMatchObject({ code: 'TRANSFER_DENIED', hint: expect.stringContaining('restrict_paths') as string });
  });

  it('tells a server that does not run', async () => {
    const { backend } = await backendOf({ server: { scheme: 'ftp', host: '127.0.0.1', port: await freePort() } });
    await expect(backend.probe()).rejects.toMatchObject({ code: 'TRANSFER_IO', message: 'the GridFTP server does not answer' });
  });

  it('gives up on a server that stands still, and on sessions that are killed', async () => {
    const own = await workspace();
    const frozen = await startGridftpServer(own, 'anonymous');
    onTestFinished(() => frozen.stop());
    const { backend, store, dir } = await backendOf({ server: frozen.server });
    const item = await sampleItem(dir, 'a/b', sampleBytes(10));
    await backend.submit('k', [item]);
    for (const pid of await frozen.sessions()) sendSignal(pid, 'SIGKILL'); // one that has just ended by itself is well
    // The connection that was kept is dead; whichever notices it first, nothing hangs and the next one is new.
    await backend.verify(item).catch(() => undefined);
    expect(await backend.verify(item)).toBe('match');
    const { backend: hasty } = await backendOf({ server: frozen.server, dir: store, stallMs: STALL_MS });
    expect(await hasty.verify(item)).toBe('match'); // so that it has a connection, which stands still then
    frozen.signal('SIGSTOP');
    await expect(hasty.verify(item)).rejects.toMatchObject({ code: 'TRANSFER_IO', retry: 'retry' });
    frozen.signal('SIGCONT');
    expect(await hasty.verify(item)).toBe('match');
  });

  it('sweeps what dead putters left, when it is old', async () => {
    const { backend, store } = await backendOf({ now: () => Date.now() + 3_600_000 });
    await guestDirectory(join(store, 'b1'));
    await writeFile(join(store, 'b1/x.1.dar.part-k-1234'), 'half');
    expect(await backend.sweepParts(2 * 3_600_000)).toBe(0);
    expect(await backend.sweepParts(1_800_000, 'b1')).toBe(1);
    expect(await readdir(store)).toEqual([]);
  });
});

describe('GSI', () => {
  it('tells who is not let in, and why', async () => {
    const own = await workspace();
    const gsi = await startGridftpServer(own, 'gsi');
    onTestFinished(() => gsi.stop());
    const authority = gsi.authority;
    if (authority === null) throw new Error('no authority');
    const probeAs = async (auth: Partial<typeof authority.auth>): Promise<unknown> => {
      const { backend } = await backendOf({ server: gsi.server, auth: { ...authority.auth, ...auth } });
      return backend.probe().then(() => 'let in', (thrown: unknown) => thrown);
    };
    expect(await probeAs({ subject: '/O=bw-test/CN=localhost' })).toBe('let in');
    expect(await probeAs({ subject: '/O=bw-test/CN=elsewhere' })).toMatchObject({ code: 'TRANSFER_DENIED', message: 'the GridFTP server is not who we expect' });
    expect(await probeAs(await authority.issue('alice', 'expired'))).toMatchObject({ code: 'TRANSFER_DENIED', message: expect.stringContaining('expired') as string });
    expect(await probeAs(await authority.issue('mallory'))).toMatchObject({ code: 'TRANSFER_DENIED', message: 'the GridFTP server knows no account for our certificate' });
    const { keyFile } = authority.auth;
    await chmod(keyFile, 0o644);
    expect(await probeAs({})).toMatchObject({ code: 'LTS_CREDENTIALS_UNUSABLE' });
    await chmod(keyFile, 0o600);
    const elsewhere = await startGridftpServer(await workspace(), 'gsi');
    onTestFinished(() => elsewhere.stop());
    const { backend } = await backendOf({ server: elsewhere.server, auth: authority.auth });
    await expect(backend.probe()).rejects.toMatchObject({ code: 'TRANSFER_DENIED', message: 'we and the GridFTP server do not trust each other' });
  });
});
