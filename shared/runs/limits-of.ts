import type { Manifest } from '../catalog/manifest.js';
import type { Config, TopdirConfig } from '../config/config.js';
import type { CutLimits } from '../index/shard-cutter.js';
import { measuredBytesPerFile, shardLimits } from '../index/shard-limits.js';

export interface BasepathLimits {
  readonly limits: CutLimits;
  /** Memory dar takes for a file, bytes. */
  readonly bytesPerFile: number;
}

/** What bounds the shards of a basepath: its topdir's settings, the site's memory, and what its own archives took (pure). */
export function limitsOf(config: Pick<Config, 'shardMemoryBytes'>, topdir: Pick<TopdirConfig, 'shards' | 'dar'>, manifests: Iterable<Pick<Manifest, 'archives'>>): BasepathLimits {
  const archives = [...manifests].flatMap((manifest) => manifest.archives.filter(({ kind }) => kind === 'data'));
  const bytesPerFile = measuredBytesPerFile(archives.map(({ entries, dar }) => ({ entries, peakRssBytes: dar.peakRssBytes })));
  const limits = shardLimits({ ...topdir.shards, sliceBytes: topdir.dar.sliceBytes, memoryBytes: config.shardMemoryBytes, bytesPerFile });
  return { limits, bytesPerFile };
}
