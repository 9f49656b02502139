// What the simulated service does with bytes: they really move, and are really compared.
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { simulatedGlobus } from '../../helpers/globus-simulator.js';
import { workspace } from '../../helpers/workspace.js';
import { sampleBytes } from '../../conformance/sample-items.js';
import { PlainClient, transfer, type Json } from './client.js';

const MIB = 1024 * 1024;

async function setUp(more: Parameters<typeof simulatedGlobus>[1] = {}) {
  const globus = await simulatedGlobus(await workspace(), more);
  const client = new PlainClient(globus.url);
  await client.login();
  const put = (name: string, bytes: Buffer): Promise<void> => writeFile(join(globus.source.dir, name), bytes);
  const there = (name: string): Promise<Buffer> => readFile(join(globus.archive.dir, name));
  return { globus, client, put, there };
}

describe('a transfer', () => {
  it('moves small and large files, makes parents, and lists what it moved', async () => {
    const { globus, client, put, there } = await setUp();
    const [small, large] = [sampleBytes(100), sampleBytes(3 * MIB + 1)];
    await put('small', small);
    await put('large', large);
    const submitted = await client.post('/transfer', transfer(globus.source, globus.archive, [['/small', '/a/b/small'], ['/large', '/a/large']], { label: 'bwb 1' }));
    expect(submitted).toMatchObject({ status: 202, body: { code: 'Accepted' } });
    const task = await client.ended(submitted.body['task_id']);
    expect(task).toMatchObject({ status: 'SUCCEEDED', files: 2, files_transferred: 2, bytes_transferred: 3 * MIB + 101, bytes_checksummed: 3 * MIB + 101, nice_status: null });
    expect([(await there('a/b/small')).equals(small), (await there('a/large')).equals(large)]).toEqual([true, true]);
    const { body } = await client.get(`/task/${String(task['task_id'])}/successful_transfers`);
    expect((body['DATA'] as Json[]).map((done) => [done['source_path'], done['destination_path'], done['size']])).toEqual([
      ['/small', '/a/b/small', 100], ['/large', '/a/large', 3 * MIB + 1],
    ]);
  });

  it('takes many files in one task, and lists them page by page', async () => {
    const { globus, client, put } = await setUp();
    await put('f', Buffer.from('x'));
    const pairs = Array.from({ length: 250 }, (_, i) => ['/f', `/to/${i}`] as const);
    const { body } = await client.post('/transfer', transfer(globus.source, globus.archive, pairs));
    const task = String(body['task_id']);
    expect(await client.ended(task)).toMatchObject({ status: 'SUCCEEDED', files_transferred: 250, subtasks_total: 250, subtasks_pending: 0 });
    const seen: unknown[] = [];
    for (let marker: number | null = 0; marker !== null;) {
      const page: Json = (await client.get(`/task/${task}/successful_transfers?limit=100&marker=${marker}`)).body;
      seen.push(...(page['DATA'] as Json[]).map((done) => done['destination_path']));
      marker = page['next_marker'] as number | null;
    }
    expect(seen).toEqual(pairs.map(([, to]) => to));
  });

  it('sends a file again whose bit was flipped on the way, if it was told to compare', async () => {
    const { globus, client, put, there } = await setUp();
    const bytes = sampleBytes(2 * MIB);
    await put('f', bytes);
    globus.control({ do: 'flip-bit' });
    const careful = await client.post('/transfer', transfer(globus.source, globus.archive, [['/f', '/careful']]));
    expect(await client.ended(careful.body['task_id'])).toMatchObject({ status: 'SUCCEEDED', faults: 1 });
    expect((await client.event(careful.body['task_id'], 'VERIFY_CHECKSUM'))['is_error']).toBe(true);
    expect((await there('careful')).equals(bytes)).toBe(true);

    globus.control({ do: 'flip-bit' });
    const careless = await client.post('/transfer', transfer(globus.source, globus.archive, [['/f', '/careless']], { verify_checksum: false }));
    expect(await client.ended(careless.body['task_id'])).toMatchObject({ status: 'SUCCEEDED', faults: 0 });
    expect((await there('careless')).equals(bytes)).toBe(false);
  });

  it('goes on after a broken connection, and says nothing of a silent cut', async () => {
    const { globus, client, put, there } = await setUp();
    await put('f', sampleBytes(1_000));
    globus.control({ do: 'cut-copy' });
    const seen = await client.post('/transfer', transfer(globus.source, globus.archive, [['/f', '/seen']]));
    expect(await client.ended(seen.body['task_id'])).toMatchObject({ status: 'SUCCEEDED', faults: 1 });
    await client.event(seen.body['task_id'], 'CONNECTION_BROKEN');
    expect(await there('seen')).toHaveLength(1_000);
    globus.control({ do: 'cut-copy', silent: true });
    const silent = await client.post('/transfer', transfer(globus.source, globus.archive, [['/f', '/silent']]));
    expect(await client.ended(silent.body['task_id'])).toMatchObject({ status: 'SUCCEEDED', faults: 0 });
    expect(await there('silent')).toHaveLength(500);
  });

  it('fails as a whole when the checksum of the submission is not that of the file', async () => {
    const { globus, client, put, there } = await setUp();
    const bytes = sampleBytes(1_000);
    await put('f', bytes);
    const sha = createHash('sha512').update(bytes).digest('hex');
    const submit = async (to: string, external_checksum: string): Promise<Json> => {
      const DATA = [{ DATA_TYPE: 'transfer_item', source_path: '/f', destination_path: to, external_checksum, checksum_algorithm: 'SHA512' }];
      const { body } = await client.post('/transfer', { ...transfer(globus.source, globus.archive, []), DATA });
      return client.ended(body['task_id']);
    };
    expect(await submit('/right', sha)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await there('right')).equals(bytes)).toBe(true);
    const wrong = await submit('/wrong', sha.replace(/^./, (digit) => (digit === '0' ? '1' : '0')));
    expect(wrong).toMatchObject({ status: 'FAILED', fatal_error: { code: 'EXTERNAL_CHECKSUM_MISMATCH' }, subtasks_failed: 1 });
  });

  it('skips by its sync level what is there already', async () => {
    const { globus, client, put, there } = await setUp();
    await put('f', sampleBytes(100, 1));
    await writeFile(join(globus.archive.dir, 'f'), sampleBytes(100, 2));
    const run = async (sync_level: number): Promise<Json> => {
      const { body } = await client.post('/transfer', transfer(globus.source, globus.archive, [['/f', '/f']], { sync_level }));
      return client.ended(body['task_id']);
    };
    expect(await run(1)).toMatchObject({ status: 'SUCCEEDED', files_skipped: 1, files_transferred: 0 });
    expect((await there('f')).equals(sampleBytes(100, 2))).toBe(true);
    expect(await run(3)).toMatchObject({ files_skipped: 0, files_transferred: 1 });
    expect((await there('f')).equals(sampleBytes(100, 1))).toBe(true);
  });

  it('of a directory finds the files below it', async () => {
    const { globus, client, there } = await setUp();
    await put100(globus.source.dir, 7);
    const DATA = [{ DATA_TYPE: 'transfer_item', source_path: '/7', destination_path: '/seven', recursive: true }];
    const { body } = await client.post('/transfer', { ...transfer(globus.source, globus.archive, []), DATA });
    expect(await client.ended(body['task_id'])).toMatchObject({ status: 'SUCCEEDED', files: 100, directories: 1 });
    expect((await there('seven/42')).toString()).toBe('42');
  });
});

/** A directory of this name with a hundred small files. */
async function put100(dir: string, name: number): Promise<void> {
  await mkdir(join(dir, String(name)));
  await Promise.all(Array.from({ length: 100 }, (_, i) => writeFile(join(dir, String(name), String(i)), String(i))));
}
