import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { ManifestArchive, ManifestSlice } from '../../../shared/catalog/manifest.js';
import { extract, sliceNumbers } from '../../../shared/dar/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import type { TransferBackend, TransferItem, TransferOptions } from '../../../shared/transfer/backend.js';
import { createPosixBackend } from '../../../shared/transfer/posix/posix-backend.js';
import { sharedBandwidth } from '../../../shared/transfer/bandwidth.js';
import { windowBytes } from '../../../shared/restore/room.js';
import { SliceWindow } from '../../../worker/jobs/restore/slice-window.js';
import { createDone, describeTree, fixture, PLAIN, shell, type Fixture } from '../dar/dar-fixture.js';

const SLICE = 8192;

interface Sliced {
  readonly fx: Fixture;
  readonly archive: ManifestArchive;
  /** Where slices are fetched to. */
  readonly dir: string;
}

/** 20 files in an archive of some 25 slices. */
async function sliced(): Promise<Sliced> {
  const fx = await fixture();
  await shell(fx.root, 'for i in 1 2 3 4 5; do mkdir d$i; for f in 1 2 3 4; do head -c 9000 /dev/urandom > d$i/f$f; done; done; ln d1/f1 d5/link');
  await createDone(fx, { ...PLAIN, sliceBytes: SLICE });
  const slices: ManifestSlice[] = [];
  for (const number of await sliceNumbers(fx.base)) {
    const name = `a.${number}.dar`;
    const bytes = await readFile(`${fx.base}.${number}.dar`);
    const location = { object: name, offset: 0, length: bytes.length };
    slices.push({ number, name, bytes: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex'), locations: { one: location, two: location } });
  }
  expect(slices.length).toBeGreaterThan(20);
  const dir = join(fx.dir, 'fetched');
  await mkdir(dir);
  return { fx, dir, archive: { name: 'a', slices } as unknown as ManifestArchive };
}

/** Storage from which slices must be fetched; says what was, and the most that lay in `dir`. */
class FarStorage {
  readonly fetched: string[] = [];
  peakBytes = 0;
  readonly backend: TransferBackend;

  constructor({ fx, dir }: Sliced, name = 'one', before: (item: TransferItem, options: TransferOptions) => Promise<void> = () => Promise.resolve()) {
    const near = createPosixBackend({ name, dir: join(fx.dir, 'staging'), bandwidth: sharedBandwidth('test', null) });
    const fetch = async (item: TransferItem, options: TransferOptions = {}): Promise<void> => {
      this.fetched.push(item.object);
      await before(item, options);
      await near.fetch(item, options);
      const sizes = (await readdir(dir)).filter((each) => each.endsWith('.dar')).map(async (each) => stat(join(dir, each)).then(({ size }) => size, () => 0));
      this.peakBytes = Math.max(this.peakBytes, (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0));
    };
    this.backend = { name, kind: 'far', capabilities: () => ({ ...near.capabilities(), directRead: false }), stage: () => Promise.resolve(), fetch } as unknown as TransferBackend;
  }
}

const logger = pino({ level: 'silent' });

async function extractFrom({ fx, archive, dir }: Sliced, backends: readonly TransferBackend[], options: { only?: string; signal?: AbortSignal } = {}): Promise<SliceWindow> {
  const signal = options.signal ?? new AbortController().signal;
  const slices = new SliceWindow({ context: { backends, logger }, archive, dir, ahead: options.only === undefined, signal });
  const only = options.only === undefined ? {} : { includePaths: [bytePath.of(options.only)] };
  const root = bytePath.fromText(join(fx.dir, 'out'));
  await extract({ base: join(dir, 'a'), root, dar: PLAIN, ...only, slices, pass: 'plain', logFile: join(fx.dir, 'extract.log'), secretsDir: fx.secretsDir, signal }).finally(() => slices.close());
  return slices;
}

describe('slices that are fetched when dar asks for them', () => {
  it('are only those that hold what is wanted', async () => {
    const made = await sliced();
    const far = new FarStorage(made);
    await extractFrom(made, [far.backend], { only: 'd3/f2' });
    expect(await readFile(join(made.fx.dir, 'out/d3/f2'))).toEqual(await readFile(join(made.fx.root, 'd3/f2')));
    expect(far.fetched.length).toBeLessThanOrEqual(4); // the last, which has the catalogue, and the two or three the file lies in
    expect(far.fetched[0]).toBe(`a.${made.archive.slices.length}.dar`);
    expect(await readdir(made.dir)).toEqual([]);
    expect(await readdir(made.fx.secretsDir)).toEqual([]);
  });

  it('of a whole archive take no more room than three, and come once each', async () => {
    const made = await sliced();
    const far = new FarStorage(made);
    await extractFrom(made, [far.backend]);
    expect(await describeTree(join(made.fx.dir, 'out'))).toEqual(await describeTree(made.fx.root));
    expect(windowBytes(made.archive, [far.backend])).toBe(3 * SLICE);
    expect(far.peakBytes).toBeLessThanOrEqual(3 * SLICE);
    expect(new Set(far.fetched).size).toBe(made.archive.slices.length);
    expect(far.fetched.length).toBe(made.archive.slices.length);
  });

  it('come one by one from the LTS that has each intact, and end dar with the reason where none has', async () => {
    const made = await sliced();
    const damaged = (number: number) => (item: TransferItem): Promise<void> => (item.object === `a.${number}.dar` ? Promise.reject(new Error(`slice ${number} is damaged`)) : Promise.resolve());
    const [one, two] = [new FarStorage(made, 'one', damaged(5)), new FarStorage(made, 'two', damaged(6))];
    await extractFrom(made, [one.backend, two.backend]);
    expect(two.fetched).toEqual(['a.5.dar']);
    await expect(extractFrom(made, [one.backend])).rejects.toThrow('slice 5 is damaged');
    expect(await readdir(made.dir)).toEqual([]);
  });

  it('do not hold up a stop', async () => {
    const made = await sliced();
    const stop = new AbortController();
    const hangs = (item: TransferItem, { signal }: TransferOptions): Promise<void> => {
      if (item.object !== 'a.4.dar') return Promise.resolve();
      setImmediate(() => { stop.abort(); });
      return new Promise((_, reject) => { signal?.addEventListener('abort', () => { reject(new Error('aborted')); }); });
    };
    await expect(extractFrom(made, [new FarStorage(made, 'one', hangs).backend], { signal: stop.signal })).rejects.toMatchObject({ code: 'PROGRAM_ABORTED' });
  });

  it('are linked, not copied, where the storage can be read in place', async () => {
    const made = await sliced();
    const near = createPosixBackend({ name: 'one', dir: join(made.fx.dir, 'staging'), bandwidth: sharedBandwidth('test', null) });
    expect(windowBytes(made.archive, [near])).toBe(0);
    await writeFile(join(made.fx.dir, 'staging', 'a.2.dar'), 'not what it was');
    const window = await extractFrom(made, [near], { only: 'd5/f4' }); // far from the damage
    expect(window.opened).toBeLessThanOrEqual(4);
    await expect(extractFrom(made, [near])).rejects.toMatchObject({ code: 'RESTORE_OBJECT_CORRUPT' });
  });
});
