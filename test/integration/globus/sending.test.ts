import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransferBackend, TransferHandle, TransferItem, TransferStatus } from '../../../shared/transfer/backend.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { globusLts, type GlobusLts } from '../../helpers/globus-lts.js';
import { workspace } from '../../helpers/workspace.js';

async function setUp(...options: [Parameters<typeof globusLts>[1]?, Parameters<typeof globusLts>[2]?]): Promise<GlobusLts & { item: (object: string, bytes?: number, seed?: number) => Promise<TransferItem> }> {
  const lts = await globusLts(await workspace(), ...options);
  const dir = await workspace();
  return { ...lts, item: (object, bytes = 1000, seed = 1) => sampleItem(dir, object, sampleBytes(bytes, seed)) };
}

const transfers = ({ globus }: GlobusLts) => globus.tasks().filter(({ type, label }) => type === 'TRANSFER' && label?.endsWith('/send') === true);

/** As in shared/transfer/globus/tasks.ts: so long what is left of a task is removed, ms. */
const CLEANUP_MS = 5_000;

/** Until the service has had a call, after so many others; its answer may still be under way. */
function untilAsked({ globus }: GlobusLts, call: RegExp, before = 0): Promise<void> {
  return expect.poll(() => globus.requests().slice(before).map(({ method, path }) => `${method} ${path}`)).toContainEqual(expect.stringMatching(call));
}

/** Until it has ended, or is what is waited for. */
async function until(backend: TransferBackend, handle: TransferHandle, state: string, items?: readonly TransferItem[]): Promise<TransferStatus> {
  for (;;) {
    const status = await backend.poll(handle, items);
    if (status.state === state) return status;
    if (['sent', 'failed', 'cancelled'].includes(status.state)) throw status.error ?? new Error(`ended as ${status.state}`);
  }
}

describe('one effect', () => {
  it('of a submit whose answer was lost, and of the same again after its end', async () => {
    const lts = await setUp();
    const items = [await lts.item('a/1')];
    const key = await lts.backend.prepare(items);
    lts.globus.control({ do: 'fault', on: 'POST /v0\\.10/transfer', kind: 'drop-reply' });
    const handle = await lts.again({ sleep: () => Promise.resolve() }).submit(key, items);
    await until(lts.backend, handle, 'sent', items);
    const again = await lts.again().submit(key, items);
    expect(again).toEqual(handle);
    expect(await until(lts.again(), again, 'sent')).toMatchObject({ files: 1, bytes: 1000 });
    expect(transfers(lts)).toHaveLength(1);
    expect(transfers(lts)[0]?.submitted).toMatchObject({ verify_checksum: true, fail_on_quota_errors: true, notify_on_succeeded: false, notify_on_failed: false, notify_on_inactive: false });
  });

  it('of a task that another process has: it is found by its label, and polled without the items', async () => {
    const lts = await setUp();
    const items = [await lts.item('a/1'), await lts.item('b/2', 5)];
    lts.globus.control({ do: 'freeze', on: true });
    const key = await lts.backend.prepare(items);
    await lts.backend.submit(key, items);
    const other = lts.again();
    expect(await other.reconcile('00000000-0000-4000-8000-000000000000', items)).toBeNull();
    const adopted = await other.reconcile(key, items);
    expect(adopted).not.toBeNull();
    lts.globus.control({ do: 'freeze', on: false });
    expect(await until(other, JSON.parse(JSON.stringify(adopted)) as TransferHandle, 'sent')).toMatchObject({ files: 2, bytes: 1005 });
    expect(transfers(lts)).toHaveLength(1);
  });

  it('of identical paths: the task that has them is adopted by its label', async () => {
    const lts = await setUp();
    const items = [await lts.item('a/1')];
    lts.globus.control({ do: 'freeze', on: true });
    const first = await lts.backend.submit('of-a-job', items);
    expect(await lts.again().submit('of-a-job', items)).toEqual(first);
    expect(transfers(lts)).toHaveLength(1);
  });

  it('of a key whose task failed: another task, under the same label', async () => {
    const lts = await setUp();
    const items = [await lts.item('a/1')];
    const key = await lts.backend.prepare(items);
    lts.globus.control({ do: 'path-error', prefix: '/bw', side: 'destination', code: 'PERMISSION_DENIED' });
    const handle = await lts.backend.submit(key, items);
    expect(await until(lts.backend, handle, 'failed', items)).toMatchObject({ error: { code: 'TRANSFER_DENIED', retry: 'operator', lts: 'nearline' }, proven: [] });
    lts.globus.control({ do: 'clear-path-errors' });
    const again = await lts.backend.submit(key, items);
    expect(again['task']).not.toBe(handle['task']);
    await until(lts.backend, again, 'sent');
  });
});

describe('trouble', () => {
  it.each([
    ['PERMISSION_DENIED', 'TRANSFER_DENIED'],
    ['QUOTA_EXCEEDED', 'TRANSFER_NO_SPACE'],
    ['NO_SPACE_LEFT', 'TRANSFER_NO_SPACE'],
    ['FILE_NOT_FOUND', 'GLOBUS_PATH_WRONG'],
  ])('%s ends the task instead of staying ACTIVE for days; what came through is kept and told', async (event, code) => {
    const lts = await setUp();
    const items = [await lts.item('a/good'), await lts.item('b/bad'), await lts.item('c/bad')];
    lts.globus.control({ do: 'path-error', prefix: '/bw/b', side: 'destination', code: event });
    if (event !== 'QUOTA_EXCEEDED') lts.globus.control({ do: 'path-error', prefix: '/bw/c', side: 'destination', code: event });
    const handle = await lts.backend.submit(await lts.backend.prepare(items), items);
    expect(await until(lts.again(), handle, 'failed', items)).toMatchObject({ error: { code, retry: 'operator' }, proven: ['a/good'] });
    expect(transfers(lts)[0]?.status).toBe('FAILED');
    expect((await readdir(lts.dir, { recursive: true })).filter((name) => name.includes('.part-'))).toEqual([]);
    expect(await readFile(join(lts.dir, 'a/good'))).toEqual(sampleBytes(1000));
  });

  it('is waited for as long as somebody may mend it', async () => {
    const lts = await setUp({ stuckAfterMs: 60_000 });
    const items = [await lts.item('a/1')];
    lts.globus.control({ do: 'path-error', prefix: '/bw', side: 'destination', code: 'PERMISSION_DENIED' });
    const handle = await lts.backend.submit(await lts.backend.prepare(items), items);
    expect(await until(lts.backend, handle, 'stalled')).toMatchObject({ error: { code: 'TRANSFER_DENIED', detail: expect.stringContaining('PERMISSION_DENIED at ') as string } });
    lts.globus.control({ do: 'clear-path-errors' });
    await until(lts.backend, handle, 'sent');
  });

  it('a pause and a suspension are told, with what the administrator says, and over when he says so', async () => {
    const lts = await setUp();
    const items = [await lts.item('a/1')];
    lts.globus.control({ do: 'collection', id: lts.globus.archive.id, state: { pauseMessage: 'library moves until Monday' } });
    const handle = await lts.backend.submit(await lts.backend.prepare(items), items);
    expect(await until(lts.backend, handle, 'paused')).toMatchObject({ error: { code: 'GLOBUS_PAUSED', retry: 'operator', detail: 'library moves until Monday' } });
    lts.globus.control({ do: 'collection', id: lts.globus.archive.id, state: { pauseMessage: null, inactive: true } });
    expect(await until(lts.backend, handle, 'needs-operator')).toMatchObject({ error: { code: 'GLOBUS_INACTIVE', retry: 'operator' } });
    lts.globus.control({ do: 'collection', id: lts.globus.archive.id, state: { inactive: false } });
    await until(lts.backend, handle, 'sent');
  });

  it('a flipped bit is sent again; a copy that was cut without a word is not called sent', async () => {
    const lts = await setUp({ stuckAfterMs: 60_000 });
    const items = [await lts.item('a/1', 100_000)];
    lts.globus.control({ do: 'flip-bit', times: 2 });
    await until(lts.backend, await lts.backend.submit(await lts.backend.prepare(items), items), 'sent', items);
    expect(await readFile(join(lts.dir, 'a/1'))).toEqual(sampleBytes(100_000));
    const more = [await lts.item('a/2', 100_000)];
    lts.globus.control({ do: 'cut-copy', times: 1, silent: true });
    const handle = await lts.backend.submit(await lts.backend.prepare(more), more);
    await until(lts.backend, handle, 'sent', more).catch(() => undefined);
    const there = await readFile(join(lts.dir, 'a/2')).catch(() => null);
    if (there !== null) expect(there).toEqual(sampleBytes(100_000));
  });

  it('an administrator who cancels is told of', async () => {
    const lts = await setUp();
    const items = [await lts.item('a/1')];
    lts.globus.control({ do: 'freeze', on: true });
    const handle = await lts.backend.submit(await lts.backend.prepare(items), items);
    lts.globus.control({ do: 'admin-cancel', task: String(handle['task']), message: 'too much' });
    lts.globus.control({ do: 'freeze', on: false });
    expect(await until(lts.backend, handle, 'failed', items)).toMatchObject({ error: { code: 'GLOBUS_CANCELED', retry: 'operator', detail: 'too much' } });
  });

  it('a history that is gone proves nothing, nor does a task that is not known any more', async () => {
    const lts = await setUp();
    const items = [await lts.item('a/1')];
    const key = await lts.backend.prepare(items);
    const handle = await lts.backend.submit(key, items);
    for (const days of [31, 400]) {
      while (transfers(lts)[0]?.status !== 'SUCCEEDED') await lts.backend.stat('a/1');
      lts.globus.control({ do: 'advance-clock', ms: days * 86_400_000 });
      expect(await until(lts.again(), handle, 'failed', items)).toMatchObject({ error: { code: 'TRANSFER_IO', retry: 'retry' }, proven: [] });
    }
    expect(await lts.again().reconcile(key, items)).toBeNull();
    await until(lts.backend, await lts.backend.submit(await lts.backend.prepare(items), items), 'sent');
  });

  it('expired tokens are replaced amid everything', async () => {
    const lts = await setUp();
    const items = [await lts.item('a/1')];
    const key = await lts.backend.prepare(items);
    lts.globus.control({ do: 'expire-tokens' });
    const handle = await lts.backend.submit(key, items);
    lts.globus.control({ do: 'expire-tokens' });
    await until(lts.backend, handle, 'sent');
  });
});

describe('cancel', () => {
  it('that keeps what was moved: poll gives that its names and tells, and the rest is gone', async () => {
    const lts = await setUp({ stuckAfterMs: 60_000 });
    const items = [await lts.item('a/good'), await lts.item('b/bad')];
    lts.globus.control({ do: 'path-error', prefix: '/bw/b', side: 'destination', code: 'PERMISSION_DENIED' });
    const handle = await lts.backend.submit(await lts.backend.prepare(items), items);
    while ((await until(lts.backend, handle, 'stalled', items)).files !== 1);
    await lts.again().cancel(handle, items, { keepMoved: true });
    lts.globus.control({ do: 'clear-path-errors' });
    expect(await lts.again().poll(handle, items)).toMatchObject({ state: 'cancelled', files: 1, bytes: 1000, proven: ['a/good'], error: { code: 'TRANSFER_ABORTED' } });
    expect(await lts.again().poll(handle, items)).toMatchObject({ state: 'cancelled', proven: ['a/good'] }); // whoever comes after a crash is told the same
    expect((await readdir(lts.dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual(['good']);
  });

  it.each(['normal', 'held', 'too-late'] as const)('%s: nothing of it is left', async (mode) => {
    const lts = await setUp({ pollMs: 1 });
    const items = [await lts.item('a/1'), await lts.item('a/2')];
    lts.globus.control({ do: 'freeze', on: true });
    const handle = await lts.backend.submit(await lts.backend.prepare(items), items);
    lts.globus.control({ do: 'cancel-mode', mode });
    const startedAt = performance.now();
    const cancelling = lts.again().cancel(handle, items);
    await untilAsked(lts, /POST .*\/cancel/);
    lts.globus.control({ do: 'freeze', on: false });
    if (mode === 'held') lts.globus.control({ do: 'cancel-mode', mode: 'normal' });
    await cancelling;
    expect(['FAILED', 'SUCCEEDED']).toContain(transfers(lts)[0]?.status);
    await nothingLeft(lts, startedAt);
  });

  it('of what has come whole already: nothing of it is left', async () => {
    const lts = await setUp({ pollMs: 1 });
    const items = [await lts.item('a/1'), await lts.item('a/2')];
    const handle = await lts.backend.submit(await lts.backend.prepare(items), items);
    await expect.poll(() => transfers(lts)[0]?.status).toBe('SUCCEEDED');
    expect(await readdir(join(lts.dir, 'a'))).toHaveLength(2);
    const startedAt = performance.now();
    await lts.again().cancel(handle, items);
    await nothingLeft(lts, startedAt);
  });

  async function nothingLeft(lts: GlobusLts, startedAt: number): Promise<void> {
    // On a machine that stood still the removal may have been given up: then, and only then, it is the sweep that takes what is left.
    if (performance.now() - startedAt > CLEANUP_MS) await lts.backend.sweepParts(-60_000);
    await expect.poll(() => readdir(join(lts.dir, 'a')).catch(() => [])).toEqual([]);
  }
});

describe('names', () => {
  it('are given again and again: each object is there once, whoever was cut off before', async () => {
    const lts = await setUp();
    const items = await Promise.all(Array.from({ length: 12 }, (_, n) => lts.item(`a/${n}`, 100 + n, n + 1)));
    const handle = await lts.backend.submit(await lts.backend.prepare(items), items);
    while (transfers(lts)[0]?.status !== 'SUCCEEDED') await lts.backend.stat('a/1');
    lts.globus.control({ do: 'fault', on: 'POST .*/rename', kind: 'drop-reply', times: 3 });
    let calls = 0;
    const dying = lts.again({ sleep: () => Promise.resolve(), fetch: (url, init) => (((url as URL).pathname.endsWith('/rename') && (calls += 1) > 5) ? Promise.reject(new Error('killed')) : fetch(url, init)) });
    await expect(dying.poll(handle, items)).rejects.toMatchObject({ code: 'TRANSFER_IO' });
    expect((await readdir(join(lts.dir, 'a'))).some((name) => name.includes('.part-'))).toBe(true);
    expect(await until(lts.again(), handle, 'sent', items)).toMatchObject({ files: 12 });
    expect((await readdir(join(lts.dir, 'a'))).sort()).toEqual(items.map(({ object }) => object.slice(2)).sort());
    expect((await lts.backend.fetchAll(items.map((item) => ({ ...item, file: `${item.file}.back` })))).size).toBe(0);
  });

  it('another object has stay with it, also when that is asked again', async () => {
    const lts = await setUp();
    const [first, second] = [await lts.item('a/1', 1000, 1), await lts.item('a/1', 1000, 2)];
    const firstAgain = await sampleItem(await workspace(), 'a/1', sampleBytes(1000, 1));
    await until(lts.backend, await lts.backend.submit(await lts.backend.prepare([firstAgain]), [firstAgain]), 'sent');
    const handle = await lts.backend.submit(await lts.backend.prepare([second]), [second]);
    for (const backend of [lts.backend, lts.again()]) expect(await until(backend, handle, 'failed', [second])).toMatchObject({ error: { code: 'TRANSFER_OBJECT_EXISTS', retry: 'permanent' }, proven: [] });
    expect(await lts.backend.verify(first)).toBe('match');
    expect(await lts.backend.sweepParts(-60_000)).toBe(1);
    await rm(lts.dir, { recursive: true });
    await expect(lts.backend.stat('a/1')).rejects.toMatchObject({ code: 'LTS_MISSING' });
    await mkdir(lts.dir);
    await lts.backend.probe();
  });
});

it('who gives up waits for no answer: of a poll, a fetch or a submit, and what was submitted is cancelled', async () => {
  const lts = await setUp();
  const item = await lts.item('a/1');
  const { globus, backend } = lts;
  /** How long `act` goes on, ms, after it was given up amid a call that the service answers late. */
  const given = async (on: RegExp, act: (signal: AbortSignal) => Promise<unknown>): Promise<number> => {
    globus.control({ do: 'fault', kind: 'slow', on: on.source, delayMs: 20_000 });
    const before = globus.requests().length;
    const stop = new AbortController();
    const acting = act(stop.signal);
    await untilAsked(lts, on, before);
    const startedAt = performance.now();
    stop.abort();
    expect(await acting).toMatchObject({ code: 'TRANSFER_ABORTED' });
    return performance.now() - startedAt;
  };
  const [first, second] = [await backend.prepare([item]), await backend.prepare([item])];
  globus.control({ do: 'freeze', on: true, only: 'TRANSFER' }); // what is left of a cancelled one is removed all the same
  const took = [
    await given(/GET \/v0\.10\/task\//, async (signal) => (await sendItems({ backend, items: [item], key: first, signal }))[0]?.error),
    await given(/GET .*\/stat/, (signal) => backend.fetch({ ...item, file: `${item.file}.back` }, { signal }).catch((thrown: unknown) => thrown)),
    await given(/POST \/v0\.10\/transfer/, (signal) => backend.submit(second, [item], { signal }).catch((thrown: unknown) => thrown)),
  ];
  expect(took.filter((ms) => ms > 10_000)).toEqual([]);
  await expect.poll(() => globus.tasks().filter(({ type }) => type === 'TRANSFER').map(({ status }) => status)).toEqual(['FAILED', 'FAILED']);
});
