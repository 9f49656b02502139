import { expect, it } from 'vitest';
import type { Manifest } from '../../../../shared/catalog/manifest.js';
import type { TopdirConfig } from '../../../../shared/config/config.js';
import { limitsOf } from '../../../../shared/runs/limits-of.js';
import { sampleManifest } from '../catalog/sample-backup.js';

const MIB = 1024 ** 2;
const topdir = { shards: { maxFiles: 300_000, maxBytes: 2 ** 40 }, dar: { sliceBytes: 2 ** 30 } } as TopdirConfig;

function measured(kind: Manifest['archives'][number]['kind'], entries: number, peakMib: number): Manifest {
  const manifest = sampleManifest();
  return { ...manifest, archives: manifest.archives.map((archive) => ({ ...archive, kind, entries, dar: { ...archive.dar, peakRssBytes: peakMib * MIB } })) };
}

it('bounds shards by the memory a file takes: as usual, or as archives of the basepath took it', () => {
  const config = { shardMemoryBytes: 128 * MIB };
  expect(limitsOf(config, topdir, [sampleManifest()])).toEqual({ limits: { maxFiles: 118_427, maxBytes: 32 * 2 ** 30 }, bytesPerFile: 850 });
  const taken = limitsOf(config, topdir, [measured('data', 100_000, 216), measured('removals', 100_000, 900), sampleManifest()]);
  expect(taken).toEqual({ limits: { maxFiles: 47_980, maxBytes: 32 * 2 ** 30 }, bytesPerFile: 2098 });
});
