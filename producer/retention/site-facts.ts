import { storedFiles, type Catalog, type Manifest, type RemovedBackup } from '../../shared/catalog/index.js';
import type { BasepathRecord, BasepathRegistry } from '../../shared/basepaths/index.js';
import type { Config, TopdirConfig } from '../../shared/config/config.js';
import type { BwError } from '../../shared/errors/bw-error.js';
import type { BytePath } from '../../shared/paths/byte-path.js';
import { fromPathJson } from '../../shared/paths/path-json.js';
import type { Protections } from '../../shared/retention/protections.js';
import type { RetainedBackup, RetentionFacts } from '../policy/retention.js';

/** What is kept of a manifest while a prune looks at a whole site. */
export interface SealedBackup extends RetainedBackup {
  /** In each LTS. */
  readonly bytes: bigint;
}

/** One basepath's backups, and what became of those that were removed. */
export interface BasepathBackups {
  readonly basepathId: string;
  readonly record: BasepathRecord | undefined;
  /** Configured topdir; null where it is not (any more): nothing of such a basepath is removed. */
  readonly topdir: TopdirConfig | null;
  /** As the registry has it, else as its newest backup has it. */
  readonly path: BytePath | null;
  readonly backups: readonly SealedBackup[];
  readonly removed: readonly RemovedBackup[];
  /** Backups nobody can judge: nothing of such a basepath is removed. */
  readonly unreadable: readonly BwError[];
}

export interface SiteParts {
  readonly config: Pick<Config, 'topdirs'>;
  readonly catalog: Catalog;
  readonly registry: BasepathRegistry;
}

/** Every basepath of the catalog (or one), one at a time. */
export async function* basepathsOf(parts: SiteParts, basepathId?: string): AsyncGenerator<BasepathBackups> {
  for (const id of basepathId === undefined ? await parts.catalog.listBasepathIds() : [basepathId]) {
    const backups: SealedBackup[] = [];
    const unreadable: BwError[] = [];
    let source: Manifest['source'] | null = null;
    for await (const listed of parts.catalog.listBackups({ basepathId: id })) {
      if (!listed.ok) unreadable.push(listed.error);
      else {
        backups.push(sealedBackup(listed.manifest));
        source = listed.manifest.source;
      }
    }
    const removed: RemovedBackup[] = [];
    for await (const each of parts.catalog.listRemoved({ basepathId: id })) removed.push(each);
    const record = parts.registry.byId(id);
    const topdir = record?.topdir ?? source?.topdir;
    const path = record?.path ?? (source === null ? null : fromPathJson(source.path));
    yield { basepathId: id, record, topdir: parts.config.topdirs.find((each) => each.path === topdir) ?? null, path, backups, removed, unreadable };
  }
}

export function sealedBackup(manifest: Manifest): SealedBackup {
  const { backupId, level, parent, capturedAt, shrunk } = manifest;
  return { backupId, level, parent, capturedAtMs: Date.parse(capturedAt), shrunk, imported: manifest.imported !== undefined, bytes: bytesInLts(manifest) };
}

/** What a backup takes in each LTS, and what its erasure gives back there. */
export function bytesInLts(manifest: Manifest): bigint {
  const parts = [...manifest.archives.flatMap((archive) => archive.slices), ...storedFiles(manifest)];
  return parts.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n);
}

export function retentionFacts(basepath: BasepathBackups, protections: Protections, claims: ReadonlyMap<string, string>): RetentionFacts {
  const deletedAt = basepath.record?.deletedAt ?? null;
  return {
    backups: basepath.backups,
    deletedAtMs: deletedAt === null ? null : Date.parse(deletedAt),
    held: protections.basepaths.get(basepath.basepathId) ?? null,
    heldBackups: protections.backups,
    accepted: protections.accepted,
    undeletedAtMs: protections.undeletedAtMs,
    claims,
  };
}
