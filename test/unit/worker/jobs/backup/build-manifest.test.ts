import { describe, expect, it } from 'vitest';
import { encodeManifest } from '../../../../../shared/catalog/index.js';
import type { Config } from '../../../../../shared/config/config.js';
import type { StoredItem } from '../../../../../shared/runs/item-store.js';
import type { MadeArchive, ShardResult } from '../../../../../shared/runs/shard-result.js';
import { buildManifest, type ManifestInput } from '../../../../../worker/jobs/backup/build-manifest.js';

const HASH = 'ab'.repeat(64);
const BACKUP = '01JQZX3K5V8W9Y2A4B6C7D8E9F';

function archive(key: string, kind: MadeArchive['kind'] = 'data'): MadeArchive {
  const name = `alice-3f9a2c.${BACKUP}.${key}`;
  const slice = { number: 1, name: `${name}.1.dar`, object: `alice-3f9a2c/${BACKUP}/${name}.1.dar`, bytes: 1000, sha512: HASH };
  const dar = { exitCode: 0, wallMs: 10, peakRssBytes: 5, bytesPerSecond: 100, filesPerSecond: 10, lastError: null };
  return { key, name, kind, entries: 3, directoriesWithEa: 0, withEa: 0, slices: [slice], catalogue: null, dar };
}

function result(shard: number, archives: MadeArchive[], exceptions = 0): ShardResult {
  const counts = { saved: 3, vanished: 1, changedThenSaved: 2, exceptions };
  return { v: 1, shard, start: `s000${shard}-t1-aaaaaa`, host: 'ie01', archives, settled: `${shard}.settled`, exceptions: null, log: null, counts, discarded: 0, earlier: [] };
}

function items(results: readonly ShardResult[], lts: readonly string[]): Map<string, StoredItem> {
  const slices = results.flatMap((each) => each.archives).flatMap((each) => each.slices);
  const location = (object: string): StoredItem['committed'] => Object.fromEntries(lts.map((name) => [name, { object, offset: 0, length: 1000 }]));
  return new Map(slices.map(({ object }) => [object, { host: 'ie01', file: '/x', bytes: 1000, sha512: HASH, start: 's', committed: location(object) }]));
}

function input(overrides: Partial<ManifestInput> = {}): ManifestInput {
  const results = [result(2, [archive('2.1')]), result(1, [archive('0.1', 'metadata'), archive('1.2'), archive('1.1')])];
  const topdir = { path: '/u', limits: { maxExceptions: 5 }, dar: { encryption: null } } as unknown as Config['topdirs'][number];
  return {
    job: { v: 1, backupId: BACKUP, basepathId: 'alice-3f9a2c', level: 'full', topdir: '/u', path: '/u/alice', priorityClass: 'full', policyHash: 'p', reason: '', acceptSource: false },
    plan: {
      v: 2,
      start: 't1',
      startedAt: '2026-01-01T00:00:00.000Z',
      capturedAt: '2026-01-01T00:00:01.000Z',
      root: '/snap/alice',
      rootRecordB64: '',
      source: { fsType: 'xfs', fsId: '1', rootInode: '2', owner: '1000' },
      shards: [],
      counts: { records: 9, directories: 2, sourceBytes: '9007199254740993', vanished: 1, exceptions: 1, changed: 0, removed: 0 },
      metadata: true,
      parent: null,
      shrunk: false,
      consolidates: null,
      exceptions: null,
    },
    results,
    items: items(results, ['tape', 'disk']),
    ltsNames: ['tape', 'disk'],
    plainLts: ['tape', 'disk'],
    topdir,
    policyHash: 'p',
    index: { name: 'index.zst', bytes: 10, sha512: HASH, records: 7 },
    exceptions: { name: 'exceptions.ndjson', bytes: 10, sha512: HASH },
    darVersion: '2.7.8',
    bwVersion: '1.0.0',
    sealedAt: new Date('2026-01-01T00:01:00Z'),
    ...overrides,
  };
}

describe('buildManifest', () => {
  it('names every archive in order, in every LTS, and survives its own schema', () => {
    const manifest = buildManifest(input());
    expect(manifest.archives.map(({ key, restoreOrder }) => [key, restoreOrder])).toEqual([['0.1', 1_000_000], ['1.1', 1], ['1.2', 2], ['2.1', 1]]);
    for (const { slices } of manifest.archives) expect(Object.keys(slices[0]?.locations ?? {})).toEqual(['tape', 'disk']);
    expect(() => encodeManifest(manifest)).not.toThrow();
  });

  it('adds up counts of scan and shards without losing digits', () => {
    const { counts, outcome } = buildManifest(input());
    expect(counts).toEqual({ records: 7, directories: 2, sourceBytes: '9007199254740993', archiveBytes: '4000', exceptions: 1, vanished: 3, changedThenSaved: 4, changed: 0, removed: 0 });
    expect(outcome).toBe('with-exceptions');
  });

  it('refuses a slice that is not verified in one of the LTS (invariant 1)', () => {
    const base = input();
    const half = items(base.results, ['tape']);
    expect(() => buildManifest({ ...base, items: half })).toThrow(expect.objectContaining({ code: 'SLICE_NOT_COMMITTED', retry: 'permanent' }));
    expect(() => buildManifest({ ...base, items: new Map() })).toThrow(expect.objectContaining({ code: 'SLICE_NOT_COMMITTED' }));
  });

  it('seals with as many copies as are needed, and names the LTS that lack something', () => {
    const base = input();
    const half = items(base.results, ['tape']);
    const manifest = buildManifest({ ...base, items: half, toSeal: 1, plainLts: ['tape'], missedLts: ['disk'] });
    expect(manifest.lacks).toEqual(['disk']);
    for (const { slices } of manifest.archives) expect(Object.keys(slices[0]?.locations ?? {})).toEqual(['tape']);
    expect(Object.keys(manifest.index.locations)).toEqual(['tape']);
    expect(() => encodeManifest(manifest)).not.toThrow();
    expect(buildManifest(base).lacks).toBeUndefined();
    expect(buildManifest({ ...base, toSeal: 1, missedLts: ['tape'], plainLts: ['disk'] }).lacks).toEqual(['tape']);
    expect(() => buildManifest({ ...base, items: new Map(), toSeal: 1 })).toThrow(expect.objectContaining({ code: 'SLICE_NOT_COMMITTED' }));
  });

  it('fails above maxExceptions instead of sealing', () => {
    const many = [result(1, [archive('1.1')], 5)];
    expect(() => buildManifest({ ...input(), results: many, items: items(many, ['tape', 'disk']) })).toThrow(expect.objectContaining({ code: 'TOO_MANY_EXCEPTIONS' }));
  });
});
