import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { ObjectLocation } from '../../../../shared/catalog/manifest.js';
import { BwError } from '../../../../shared/errors/bw-error.js';
import type { TransferBackend, TransferItem } from '../../../../shared/transfer/backend.js';
import { posixLts } from '../../../helpers/posix-lts.js';
import { sendItems } from '../../../../shared/transfer/engine.js';
import type { ItemState } from '../../../../shared/transfer/states.js';
import { faultyBackend, type Fault } from '../../../conformance/faulty-backend.js';
import { MemoryBackend } from '../../../conformance/memory-backend.js';
import { sampleBytes, sampleItem } from '../../../conformance/sample-items.js';
import { workspace } from '../../../helpers/workspace.js';

const noSleep = (): Promise<void> => Promise.resolve();

async function threeItems(): Promise<TransferItem[]> {
  const dir = await workspace();
  return Promise.all(['a', 'b', 'c'].map((name, i) => sampleItem(dir, `bp/b1/${name}.1.dar`, sampleBytes(1000 + i, i + 1))));
}

async function disk(): Promise<TransferBackend> {
  return posixLts(await workspace());
}

const backends: [string, () => Promise<TransferBackend>][] = [
  ['inside submit', disk],
  ['asynchronously', () => Promise.resolve(new MemoryBackend())],
];

describe.each(backends)('sending to a backend that works %s', (_, make) => {
  it('commits every item once, with its location, through all states', async () => {
    const items = await threeItems();
    const committed: [string, ObjectLocation][] = [];
    const states = new Map<string, ItemState[]>();
    const results = await sendItems({
      backend: await make(),
      items,
      key: 'k',
      sleep: noSleep,
      onCommitted: (item, location) => void committed.push([item.object, location]),
      onState: (item, state) => void states.set(item.object, [...(states.get(item.object) ?? []), state]),
    });
    expect(results.map(({ item, state, error }) => [item, state, error])).toEqual(items.map((item) => [item, 'committed', undefined]));
    expect(committed.sort()).toEqual(items.map(({ object, bytes }) => [object, { object, offset: 0, length: bytes }]));
    expect([...states.values()]).toEqual(items.map(() => ['keyed', 'submitted', 'sent', 'verifying', 'committed']));
  });

  it('does not let one bad item stop the others', async () => {
    const items = await threeItems();
    await rm(items[1]?.file ?? '');
    const results = await sendItems({ backend: await make(), items, key: 'k', sleep: noSleep });
    expect(results.map((result) => result.state)).toEqual(['committed', 'failed', 'committed']);
    expect(results[1]?.error).toMatchObject({ code: 'TRANSFER_SOURCE_MISSING', retry: 'permanent' });
    expect(results[1]?.location).toBeUndefined();
  });

  it('fails an item whose commit could not be recorded, and sends it again without harm', async () => {
    const items = await threeItems();
    const backend = await make();
    const onCommitted = (item: TransferItem): void => {
      if (item === items[0]) throw new Error('Redis is away');
    };
    const first = await sendItems({ backend, items, key: 'k', sleep: noSleep, onCommitted });
    expect(first.map((result) => result.state)).toEqual(['failed', 'committed', 'committed']);
    const again = await sendItems({ backend, items, key: 'k', resume: true, sleep: noSleep });
    expect(again.map((result) => result.state)).toEqual(['committed', 'committed', 'committed']);
  });

  it('cancels everything that is left when aborted', async () => {
    const results = await sendItems({ backend: await make(), items: await threeItems(), key: 'k', signal: AbortSignal.abort(), sleep: noSleep });
    expect(results.map(({ state, error }) => [state, error?.code])).toEqual(Array(3).fill(['cancelled', 'TRANSFER_ABORTED']));
  });
});

describe('sending to a storage in trouble', () => {
  const cases: [Fault, string, string][] = [
    ['flip', 'TRANSFER_VERIFY_MISMATCH', 'retry'],
    ['cut', 'TRANSFER_VERIFY_MISMATCH', 'retry'],
    ['lost', 'TRANSFER_VERIFY_MISMATCH', 'retry'],
    ['silent', 'TRANSFER_VERIFY_MISMATCH', 'retry'],
    ['no-space', 'TRANSFER_NO_SPACE', 'operator'],
    ['io', 'TRANSFER_IO', 'retry'],
  ];
  it.each(cases)('%s: not committed, %s (%s)', async (fault, code, retry) => {
    const items = await threeItems();
    const committed: string[] = [];
    const backend = faultyBackend(await disk(), (item) => (item === items[1] ? fault : null));
    const results = await sendItems({ backend, items, key: 'k', onCommitted: (item) => void committed.push(item.object) });
    expect(results[1]).toMatchObject({ state: 'failed', error: { code, retry } });
    expect(committed.sort()).toEqual([items[0]?.object, items[2]?.object]); // small ones go together
  });

  it('stops waiting when an operator is needed, without cancelling what may go on', async () => {
    const backend = new MemoryBackend();
    const error = new BwError('GLOBUS_CONSENT', { message: 'm', retry: 'operator', hint: 'h' });
    backend.poll = () => Promise.resolve({ state: 'needs-operator', bytes: 0, files: 0, error });
    const [result] = await sendItems({ backend, items: (await threeItems()).slice(0, 1), key: 'k', sleep: noSleep });
    expect(result).toMatchObject({ state: 'failed', error: { code: 'GLOBUS_CONSENT', retry: 'operator' } });
    expect(backend.calls).not.toContain('cancel');
  });

  it('cancels at the far end when aborted while waiting', async () => {
    const backend = new MemoryBackend();
    const abort = new AbortController();
    const sleep = (): Promise<void> => {
      abort.abort();
      return Promise.reject(new Error('aborted'));
    };
    const results = await sendItems({ backend, items: await threeItems(), key: 'k', signal: abort.signal, sleep });
    expect(new Set(results.map((result) => result.state))).toEqual(new Set(['cancelled']));
    expect(backend.calls).toEqual(['submit', 'poll', 'cancel']);
  });

  it('adopts what a crash left instead of submitting twice', async () => {
    const backend = new MemoryBackend();
    const items = await threeItems();
    await backend.submit('k', items);
    await sendItems({ backend, items, key: 'k', resume: true, sleep: noSleep });
    expect(backend.calls.filter((call) => call === 'submit')).toHaveLength(1);
  });

  it('publishes nothing that changed in staging', async () => {
    const items = await threeItems();
    const backend = await disk();
    await writeFile(items[0]?.file ?? '', sampleBytes(1000, 77));
    const [result] = await sendItems({ backend, items, key: 'k' });
    expect(result).toMatchObject({ state: 'failed', error: { code: 'TRANSFER_SOURCE_CORRUPT', retry: 'permanent' } });
    expect(await backend.stat(items[0]?.object ?? '')).toBeNull();
  });
});
