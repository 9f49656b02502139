import { access, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { sendItems } from '../../../shared/transfer/engine.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { globusLts } from '../../helpers/globus-lts.js';
import { workspace } from '../../helpers/workspace.js';

const noWait = (): Promise<void> => Promise.resolve();

describe('through the engine, and back in one task', () => {
  it('brings many, and tells of each that does not come', async () => {
    const { backend, globus, dir } = await globusLts(await workspace());
    const [from, to] = [await workspace(), await workspace()];
    const items = await Promise.all(Array.from({ length: 8 }, (_, n) => sampleItem(from, `b${n % 2}/${n}`, sampleBytes(500 + n, n + 1))));
    const results = await sendItems({ backend, items, key: await backend.prepare(items), sleep: noWait });
    expect(results.map(({ state }) => state)).toEqual(items.map(() => 'committed'));
    await backend.remove(['b0/0']);
    await truncate(join(dir, 'b1/1'), 3);
    const before = globus.tasks().length;
    const wanted = items.map((item) => ({ ...item, file: join(to, item.object.replace('/', '_')) }));
    const errors = await backend.fetchAll([...wanted, { ...wanted[2], file: join(to, 'wrong'), sha512: 'f'.repeat(128) } as (typeof wanted)[number]]);
    expect([...errors].map(([file, { code }]) => [file.slice(to.length + 1), code]).sort()).toEqual([['b0_0', 'RESTORE_OBJECT_MISSING'], ['b1_1', 'RESTORE_OBJECT_CORRUPT'], ['wrong', 'RESTORE_OBJECT_CORRUPT']]);
    for (const [n, { file }] of wanted.entries()) if (n > 1) expect(await readFile(file)).toEqual(sampleBytes(500 + n, n + 1));
    await expect(access(join(to, 'wrong'))).rejects.toThrow();
    expect(globus.tasks().length - before).toBe(1);
  });

  it('uses the collection of a host, asks for the consent of a mapped one, and says when a session has to be renewed', async () => {
    const root = await workspace();
    const mapped = { id: '0b5e0c8e-0000-4000-8000-0000000000aa', dir: join(root, 'archive'), entityType: 'GCSv5_mapped_collection' as const };
    const source = { id: '0b5e0c8e-0000-4000-8000-0000000050ce', dir: '/' };
    const { backend, globus } = await globusLts(root, { collection: mapped.id }, { collections: [source, mapped] });
    const item = await sampleItem(await workspace(), 'a/1', sampleBytes(10));
    expect(await sendItems({ backend, items: [item], key: await backend.prepare([item]), sleep: noWait })).toMatchObject([{ state: 'committed' }]);
    globus.control({ do: 'collection', id: mapped.id, state: { session: 'policy-failed' } });
    await expect(backend.stat('a/1')).rejects.toMatchObject({ code: 'GLOBUS_SESSION_EXPIRED', retry: 'operator' });
    globus.control({ do: 'collection', id: mapped.id, state: { session: 'login-failed' } });
    await expect(backend.probe()).rejects.toMatchObject({ code: 'GLOBUS_SESSION_EXPIRED', hint: expect.stringContaining('globus session update simulated.example.org') as string });
  });

  it('is polite: what is metered is waited for, and a whole set is one task', async () => {
    const { again, globus } = await globusLts(await workspace(), {}, { requestsPerSecond: 12 });
    const waits: number[] = [];
    const backend = again({ sleep: (ms) => { if (ms >= 1000) { waits.push(ms); globus.control({ do: 'advance-clock', ms: 10_000 }); } return delay(1); } });
    const from = await workspace();
    const items = await Promise.all(Array.from({ length: 150 }, (_, n) => sampleItem(from, `b${n % 10}/${n}`, sampleBytes(20, n + 1))));
    const results = await sendItems({ backend, items, key: await backend.prepare(items), sleep: () => delay(20) });
    expect(results.filter(({ state }) => state === 'committed')).toHaveLength(150);
    expect(globus.tasks()).toHaveLength(1);
    expect(waits.length).toBeGreaterThan(0);
  });
});
