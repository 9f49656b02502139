import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { extract, listCatalogue, isolateCatalogue, testArchive } from '../../../shared/dar/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { activeChildren } from '../../../shared/process/index.js';
import { create, createDone, fixture, listAll, PLAIN, shell } from './dar-fixture.js';

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

describe('listCatalogue', () => {
  it('tells removals from content', async () => {
    const fx = await fixture();
    await shell(fx.dir, `mkdir -p gone/d/sub skeleton/d; touch gone/top gone/d/file
      dar -c placeholder -R gone -Q -N --fsa-scope=none >/dev/null; dar -c ${fx.base} -R skeleton -A placeholder -Q -N --fsa-scope=none >/dev/null`);
    const entries = await listAll(fx, fx.base);
    expect([...entries.values()].filter((entry) => entry.removed).map((entry) => `${entry.path} ${entry.type}`).sort()).toEqual(['d/file f', 'd/sub d', 'top f']);
    expect(entries.get('d')).toMatchObject({ removed: false, type: 'd' });
  });

  it('fails for a cut archive, one that is not there, and one that is none', async () => {
    const fx = await fixture();
    await shell(fx.root, 'seq 1000 > f');
    await createDone(fx);
    await truncate(`${fx.base}.1.dar`, 3000);
    await expect(listAll(fx, fx.base)).rejects.toThrow(code('DAR_CATALOGUE_UNREADABLE'));
    await expect(listAll(fx, join(fx.dir, 'none'))).rejects.toThrow(code('DAR_CATALOGUE_UNREADABLE'));
    await writeFile(join(fx.dir, 'junk.1.dar'), 'x'.repeat(5000));
    await expect(listAll(fx, join(fx.dir, 'junk'))).rejects.toThrow(code('DAR_CATALOGUE_UNREADABLE'));
  });

  it('can be left early, and aborted', async () => {
    const fx = await fixture();
    await shell(fx.root, 'for i in 1 2 3; do mkdir $i; done');
    await createDone(fx);
    for await (const batch of listCatalogue(fx.base, PLAIN, fx)) { expect(batch.length).toBeGreaterThan(0); break; }
    const aborted = listCatalogue(fx.base, PLAIN, { ...fx, signal: AbortSignal.abort() });
    await expect((async () => { for await (const batch of aborted) expect(batch).toEqual([]); })()).rejects.toThrow(code('PROGRAM_ABORTED'));
    expect(activeChildren()).toEqual([]);
    expect(await shell(fx.secretsDir, 'ls')).toBe('');
  });
});

describe('testArchive and isolateCatalogue', () => {
  it('find a flipped byte, and fail for a missing archive', async () => {
    const fx = await fixture();
    await shell(fx.root, 'seq 100000 > f');
    await createDone(fx);
    await testArchive(fx.base, PLAIN, fx);
    const bytes = await readFile(`${fx.base}.1.dar`);
    bytes.writeUInt8(bytes.readUInt8(300_000) ^ 1, 300_000);
    await writeFile(`${fx.base}.1.dar`, bytes);
    await expect(testArchive(fx.base, PLAIN, fx)).rejects.toMatchObject({ code: 'DAR_ARCHIVE_DAMAGED', detail: expect.stringMatching(/CRC/) as string });
    await expect(isolateCatalogue(join(fx.dir, 'none'), `${fx.base}.cat`, PLAIN, fx)).rejects.toThrow(code('DAR_ISOLATION_FAILED'));
    await expect(testArchive(fx.base, PLAIN, { ...fx, signal: AbortSignal.abort() })).rejects.toThrow(code('PROGRAM_ABORTED'));
  });
});

describe('extract', () => {
  it('reports what could not be restored, and the rest is there', async () => {
    const fx = await fixture();
    await shell(fx.root, 'seq 100000 > bad; echo fine > good');
    await createDone(fx);
    const bytes = await readFile(`${fx.base}.1.dar`);
    bytes.writeUInt8(bytes.readUInt8(300_000) ^ 1, 300_000);
    await writeFile(`${fx.base}.1.dar`, bytes);
    const done = await extract({ ...fx, root: bytePath.fromText(join(fx.dir, 'out')), dar: PLAIN, pass: 'plain' });
    expect(done.exitCode).toBe(5);
    expect(done.problems.map(String).join()).toMatch(/bad/);
    expect(await readFile(join(fx.dir, 'out/good'), 'utf8')).toBe('fine\n');
  });

  it('replaces what is there, restores only what a list names, and fails for a missing target', async () => {
    const fx = await fixture();
    await shell(fx.root, 'echo new > f; echo other > g; mkdir d; echo below > d/h');
    await createDone(fx);
    const out = join(fx.dir, 'out');
    await writeFile(join(out, 'f'), 'old, and longer');
    await writeFile(join(fx.dir, 'only'), 'f\nd\n');
    const spec = { ...fx, root: bytePath.fromText(out), dar: PLAIN, pass: 'plain' as const };
    await extract({ ...spec, listFile: join(fx.dir, 'only') });
    expect(await shell(out, 'find . -mindepth 1 | sort; cat f')).toBe('./d\n./f\nnew\n');
    await expect(extract({ ...spec, root: bytePath.fromText(join(fx.dir, 'none')) })).rejects.toThrow(code('DAR_TARGET_MISSING'));
    await expect(extract({ ...spec, signal: AbortSignal.abort() })).rejects.toThrow(code('PROGRAM_ABORTED'));
  });

  it('restores a file that changed while it was saved', async () => {
    const fx = await fixture();
    await shell(fx.root, 'head -c 40000000 /dev/urandom > busy');
    const child = await create(fx, { ...PLAIN, retryOnChange: 0, sliceBytes: 1_000_000 });
    while (((await child.progress())?.readBytes ?? 0) < 5_000_000) await new Promise((resolve) => setTimeout(resolve, 1));
    child.pause();
    await shell(fx.root, 'echo more >> busy; touch -d 2030-01-01 busy');
    child.resume();
    expect(await child.done).toMatchObject({ exitCode: 11, meaning: 'changed' });
    expect((await listAll(fx, fx.base)).get('busy')).toMatchObject({ dirty: true });
    await isolateCatalogue(fx.base, `${fx.base}.cat`, PLAIN, fx);
    expect((await listAll(fx, `${fx.base}.cat`)).get('busy')).toMatchObject({ dirty: true });
    await extract({ ...fx, root: bytePath.fromText(join(fx.dir, 'out')), dar: PLAIN, pass: 'plain' });
    expect((await readFile(join(fx.dir, 'out/busy'))).length).toBeGreaterThanOrEqual(40_000_000);
  });

  it('makes a stop of a restore an abort', async () => {
    const fx = await fixture();
    await mkdir(join(fx.root, 'd'));
    await createDone(fx);
    const controller = new AbortController();
    const running = extract({ ...fx, root: bytePath.fromText(join(fx.dir, 'out')), dar: PLAIN, pass: 'plain', signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toThrow(code('PROGRAM_ABORTED'));
  });
});
