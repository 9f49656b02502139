import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { restoreRequest } from '../../../producer/cli/restore-request.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { toPathJson } from '../../../shared/paths/path-json.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { MemoryBackend } from '../../conformance/memory-backend.js';
import { TapeBackend } from '../../conformance/tape-backend.js';
import { orderRestore, restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { until } from '../bad-input/until.js';

interface OnTape {
  readonly site: TestSite;
  readonly manifest: Manifest;
  readonly source: string;
  readonly tape: TapeBackend;
  /** Objects of each data archive, in the order of the manifest. */
  readonly archives: readonly string[][];
}

/** A backup of three archives of several slices, all of which went to tape. */
async function onTape(tells = true): Promise<OnTape> {
  const site = await testSite({ settings: { dar: { sliceSize: '1MiB', compression: 'none' }, shards: { maxFiles: 9 }, worker: { slots: 2 } } });
  const source = join(site.topdir, 'tara');
  for (let i = 0; i < 12; i++) {
    await mkdir(join(source, `d${i}`), { recursive: true });
    await writeFile(join(source, `d${i}`, 'f'), randomBytes(700_000));
  }
  await site.backUp();
  const [manifest] = await site.manifests();
  if (manifest === undefined) throw new Error('nothing was sealed');
  const tape = new TapeBackend(tells);
  const objects = manifest.archives.flatMap(({ slices }) => slices).map(({ locations }) => locations.lts?.object ?? '');
  for (const object of objects) tape.objects.set(object, await readFile(join(site.dir, 'lts', object)));
  tape.toTape(objects);
  Object.defineProperty(tape, 'name', { value: 'lts' });
  (site.worker.context.backends as TransferBackend[]).splice(0, 1, tape);
  const archives = manifest.archives.filter(({ kind }) => kind === 'data').map(({ slices }) => slices.map(({ locations }) => locations.lts?.object ?? ''));
  for (const [i, each] of archives.entries()) for (const object of each) tape.media.set(object, `T${9 - i}`);
  return { site, manifest, source, tape, archives };
}

/** When every archive waits for the library, it delivers, and they look again. */
async function deliverWhenParked({ site, tape }: OnTape, count: number, objects?: readonly string[]): Promise<void> {
  const { backup } = site.worker.context.queues;
  const parked = await until('archives wait', async () => {
    const delayed = await backup.getJobs(['delayed']);
    return delayed.length === count ? delayed : null;
  });
  tape.deliver(objects);
  for (const job of parked) await job.promote();
}

/** All but one archive are restored, and that one waits. */
async function untilOneWaits({ site }: OnTape): Promise<void> {
  await until('one archive is left', async () => {
    const { active = 0, delayed = 0, prioritized = 0, waiting = 0 } = await site.worker.context.queues.backup.getJobCounts('active', 'delayed', 'prioritized', 'waiting');
    return active + prioritized + waiting === 0 && delayed === 1 ? true : null;
  });
}

describe('a restore from tape', () => {
  it('orders all of it at once, tape by tape, restores first what comes first, and fetches many slices together', async () => {
    const made = await onTape();
    const { site, manifest, source, tape, archives } = made;
    expect(archives.length).toBe(3);
    expect(Math.min(...archives.map(({ length }) => length))).toBeGreaterThanOrEqual(3);
    const target = join(site.dir, 'restore', 'all');
    const jobId = await orderRestore(site, manifest, { target });
    const ended = site.waitFor([jobId]);
    await until('the recall is ordered', () => (tape.orders.length > 0 ? true : null));
    const [order] = tape.orders;
    expect(order?.slice(0, archives.flat().length)).toEqual([...archives].reverse().flat()); // metadata lies on no known tape
    expect(tape.fetches).toEqual([]);
    for (const [i, next] of [archives[2], archives[0], archives[1]].entries()) {
      await deliverWhenParked(made, 3 - i, [...(next ?? []), ...(i === 2 ? tape.objects.keys() : [])]); // at last the metadata
      await until('it was fetched', () => (next?.every((object) => tape.fetches.flat().includes(object)) === true ? true : null));
    }
    expect(await ended).toMatchObject([{ state: 'completed', returnValue: { outcome: 'clean' } }]);
    const archiveOf = (object = ''): number => archives.findIndex((each) => each.includes(object));
    expect([...new Set(tape.fetches.map(([object]) => archiveOf(object)))].filter((each) => each >= 0)).toEqual([2, 0, 1]);
    expect(tape.fetches.filter(({ length }) => length > 1).length).toBeGreaterThanOrEqual(3);
    expect(tape.fetches.flat().length).toBe(tape.objects.size); // each came once
    const compared = await compareTrees({ left: bytePath.fromText(source), right: bytePath.fromText(target), content: 'hash' });
    expect(compared.differences).toEqual([]);
  });

  it('that failed is gone on with from another storage: what is there stays', async () => {
    const made = await onTape();
    const { site, manifest, source, tape, archives } = made;
    const [lost = ''] = archives[1] ?? [];
    const content = tape.objects.get(lost);
    tape.objects.delete(lost);
    const target = join(site.dir, 'restore', 'again');
    const ended = site.waitFor([await orderRestore(site, manifest, { target })]);
    await deliverWhenParked(made, 3, [...tape.objects.keys()].filter((object) => !(archives[1] ?? []).includes(object)));
    await untilOneWaits(made);
    await deliverWhenParked(made, 1);
    expect((await ended)[0]?.reason).toContain('RESTORE_OBJECT_MISSING');
    await site.worker.settled();
    const disk = new MemoryBackend();
    for (const [object, bytes] of [...tape.objects, [lost, content ?? Buffer.alloc(0)] as const]) disk.objects.set(object, bytes);
    Object.defineProperty(disk, 'name', { value: 'lts' });
    (site.worker.context.backends as TransferBackend[]).splice(0, 1, disk);
    const request = await restoreRequest({ ...site, logger: site.worker.context.logger }, manifest.basepathId, { to: target, resume: true });
    const again = await restore(site, manifest, request);
    expect(again).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
    expect((again.returnValue as { skipped: number }).skipped).toBeGreaterThanOrEqual(6); // of two archives
    expect(new Set(disk.calls).size).toBeLessThan(disk.objects.size);
    const compared = await compareTrees({ left: bytePath.fromText(source), right: bytePath.fromText(target), content: 'hash' });
    expect(compared.differences).toEqual([]);
  });

  it.each([[true], [false]])('recalls of an archive only the slices that hold what is wanted; the storage tells what is there: %s', async (tells) => {
    const made = await onTape(tells);
    const { site, manifest, tape, archives } = made;
    const jobId = await orderRestore(site, manifest, { target: join(site.dir, 'restore', 'one'), paths: [toPathJson(bytePath.fromText('d3/f'))] });
    const ended = site.waitFor([jobId]);
    await until('the recall is ordered', () => (tape.orders.length > 0 ? true : null));
    await deliverWhenParked(made, 1);
    expect(await ended).toMatchObject([{ state: 'completed', returnValue: { outcome: 'clean', archives: 1 } }]);
    const [order = []] = tape.orders;
    expect(new Set(order)).toEqual(new Set(tape.fetches.flat()));
    expect(tape.orders.length).toBe(tells ? 1 : 2); // again by who found it on tape
    expect(order.length).toBeLessThan(archives.find((each) => each.includes(order[0] ?? ''))?.length ?? 0);
  });
});
