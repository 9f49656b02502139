import { describe, expect, it } from 'vitest';
import type { ManifestArchive } from '../../../../shared/catalog/manifest.js';
import { sliceRange } from '../../../../shared/dar/index.js';
import { fetchList, shareByLts } from '../../../../shared/restore/fetch-list.js';
import { lastSlices } from '../../../../shared/restore/needs.js';
import { restoreRate } from '../../../../shared/restore/rate.js';
import type { BackendCapabilities, TransferBackend } from '../../../../shared/transfer/backend.js';
import { dryRunLines } from '../../../../producer/cli/restore-dry-run/show.js';

function backend(name: string, directRead: boolean): TransferBackend {
  return { name, capabilities: () => ({ directRead }) as BackendCapabilities } as TransferBackend;
}

/** Slices of so many bytes, each in the LTS named; those after an `@` lie in the bundle `b` at this offset. */
function archive(...slices: [bytes: number, ...lts: string[]][]): ManifestArchive {
  return {
    slices: slices.map(([bytes, ...lts], i) => ({
      number: i + 1,
      name: `a.${i + 1}.dar`,
      bytes,
      locations: Object.fromEntries(lts.map((text) => text.split('@')).map(([name = '', offset]) => [name, { object: offset === undefined ? `o${i + 1}` : 'b', offset: Number(offset ?? 0), length: bytes }])),
    })),
  } as unknown as ManifestArchive;
}

const need = (of: ManifestArchive, slices: readonly number[] | null = null) => ({ backupId: 'B', archive: of, slices: slices === null ? null : new Set(slices), exact: true });

describe('what a restore reads', () => {
  const near = backend('near', true);
  const tape = backend('tape', false);

  it('comes from the first storage that has it, and only the slices that are needed', () => {
    const { slices, missing } = fetchList([need(archive([10, 'near', 'tape'], [20, 'tape'], [30, 'tape'], [40, 'gone']), [1, 3, 4]), need(archive([5, 'near@512'], [6, 'near@1024']))], [near, tape]);
    expect(missing).toEqual(['a.4.dar']);
    expect(shareByLts(slices, new Set(['tape']), new Map())).toEqual([
      { lts: 'near', objects: 2, bytes: 21, fetchedBytes: 11, onTapeObjects: 0, onTapeBytes: 0, onTapeKnown: true },
      { lts: 'tape', objects: 1, bytes: 30, fetchedBytes: 30, onTapeObjects: 1, onTapeBytes: 30, onTapeKnown: false },
    ]);
  });

  it('is on tape where the storage says so', () => {
    const { slices } = fetchList([need(archive([10, 'tape'], [20, 'tape']))], [tape]);
    expect(shareByLts(slices, new Set(['tape']), new Map([['tape', new Set(['o2'])]]))).toMatchObject([{ onTapeObjects: 1, onTapeBytes: 20, onTapeKnown: true }]);
  });

  it('has the slices that dar names, and those of the catalogue at the end', () => {
    const said = 'x\n-----\nAll displayed files have their data in slice range [1,3-5,11]\n-----\n';
    expect(sliceRange(said)).toEqual([1, 3, 4, 5, 11]);
    expect(sliceRange('All displayed files have their data in slice range []')).toEqual([]);
    expect(sliceRange('something else')).toBeNull();
    const of = archive([100, 'tape'], [100, 'tape'], [100, 'tape'], [7, 'tape']);
    expect([lastSlices(of, 5), lastSlices(of, 60), lastSlices(of, 108)]).toEqual([[4], [4, 3], [4, 3, 2]]);
  });
});

describe('how fast restores were', () => {
  const past = (startedMs: number, endedMs: number, bytes: number) => ({ startedMs, endedMs, bytes });

  it('is what they read by the time in which at least one ran', () => {
    expect(restoreRate([past(0, 1000, 100), past(500, 2000, 300), past(10_000, 12_000, 400), past(3, 3, 5), past(0, 9000, 0)])).toEqual({ bytesPerSecond: 200, restores: 3 });
    expect(restoreRate([])).toBeNull();
  });
});

describe('what people read of a dry run', () => {
  const lts = { lts: 'tape', objects: 3, bytes: '3072', fetchedBytes: '3072', onTapeObjects: 3, onTapeBytes: '3072', onTapeKnown: false };
  const row = { basepathId: 'a-1', name: null, state: 'to-restore' as const, backupId: 'B2', capturedAt: null, exact: false, records: 7, targetBytes: '4096', missing: ['a.4.dar'], lts: [lts] };
  const chain = [{ backupId: 'B1', level: 'full', capturedAt: '2026-05-01T00:00:00.000Z', archives: 1, slices: 2, bytes: '2048' }, { backupId: 'B2', level: 'incremental', capturedAt: '2026-05-02T00:00:00.000Z', archives: 0, slices: 0, bytes: '0' }];
  const run = { v: 1 as const, target: '/to', topdir: null, asOf: null, basepaths: [{ ...row, chain }], lts: [lts], exact: false, stagingBytes: '1024', targetBytes: '4096', targetFreeBytes: '1024', fits: false, estimate: { bytesPerSecond: 1024, restores: 2, durationMs: 3000 } };

  it('says all of it plainly', () => {
    expect(dryRunLines(run, new Set(['tape']))).toEqual([
      'Restoring 7 entries of a-1 from backup B2 would read:',
      '  full B1 of 2026-05-01T00:00:00.000Z: 1 archive, 2 slices, 2.0 KiB',
      '  incremental B2 of 2026-05-02T00:00:00.000Z: nothing',
      '  tape: at most 3 objects, 3.0 KiB, 3.0 KiB of it fetched into staging; 3 objects, 3.0 KiB perhaps to be recalled from tape (the storage does not tell)',
      '  At most: which slices are needed of some archives shows only when they are read.',
      '  MISSING: no configured long-term storage has a.4.dar',
      'Room: 1.0 KiB of staging for each archive at a time, 4.0 KiB in /to (1.0 KiB free there: NOT ENOUGH).',
      'Time: about 3.0 s at 1.0 KiB/s, as the last 2 restores had together, without what recalling from tape takes.',
      'Nothing was changed.',
    ]);
  });
});
