import { resolve } from 'node:path';
import { readBasepaths, type BasepathRecord } from '../../shared/basepaths/index.js';
import { nearest } from '../../shared/config/did-you-mean.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { bytePath, showPath, type BytePath } from '../../shared/paths/byte-path.js';
import { fromPathJson } from '../../shared/paths/path-json.js';
import type { Site } from './site.js';

export interface NamedBasepath {
  readonly basepathId: string;
  readonly path: BytePath;
  readonly topdir: string;
}

/**
 * A basepath by what an operator types: its id, or its path (relative ones against the current directory). From journal
 * and catalog, so also right when the producer is down. Throws BASEPATH_UNKNOWN.
 */
export async function resolveBasepath(site: Site, name: string): Promise<NamedBasepath> {
  const registry = await readBasepaths(site.catalog.journalDir, (problem) => {
    site.logger.warn({ problem }, 'journal line not usable');
  });
  const known = registry.byId(name) ?? registry.byPath(bytePath.fromText(resolve(name))) ?? byShownPath(registry.all(), name) ?? byFormerPath(registry.all(), bytePath.fromText(resolve(name)));
  if (known !== undefined) return known;
  const sealed = await fromCatalog(site, name);
  if (sealed !== null) return sealed;
  throw unknownBasepath(name, meant([...registry.all()], name));
}

/** Paths that are not UTF-8 cannot be typed; they are named as status and backups show them. */
function byShownPath(records: Iterable<BasepathRecord>, name: string): BasepathRecord | undefined {
  let newest: BasepathRecord | undefined;
  for (const record of records) if (showPath(record.path) === name && (newest === undefined || record.generation > newest.generation)) newest = record;
  return newest;
}

/** Who had this path until it was renamed, and nobody since. */
function byFormerPath(records: Iterable<BasepathRecord>, path: BytePath): BasepathRecord | undefined {
  for (const record of records) if (record.formerPaths.includes(path)) return record;
  return undefined;
}

async function fromCatalog(site: Site, name: string): Promise<NamedBasepath | null> {
  const path = bytePath.fromText(resolve(name));
  for await (const listed of site.catalog.listBackups()) {
    if (!listed.ok) continue;
    const { basepathId, source } = listed.manifest;
    if (basepathId === name || fromPathJson(source.path) === path) return { basepathId, path: fromPathJson(source.path), topdir: source.topdir };
  }
  return null;
}

/** Basepaths whose directory has this name, or whose id nearly is it. */
function meant(records: readonly BasepathRecord[], name: string): string | undefined {
  const last: string = bytePath.fromText(name.replace(/\/+$/, '').split('/').at(-1) ?? name);
  const near = nearest(name, records.map((record) => record.basepathId));
  const found = records.filter((record) => record.basepathId === near || record.path.split('/').at(-1) === last).slice(0, 3);
  return found.length === 0 ? undefined : `Did you mean ${found.map((record) => `${record.basepathId} (${showPath(record.path)})`).join(', or ')}?`;
}

export function unknownBasepath(name: string, hint?: string): BwError {
  return new BwError('BASEPATH_UNKNOWN', {
    message: 'no such basepath is on record',
    subject: name,
    retry: 'permanent',
    hint: hint ?? 'List them with `bw-bkup status`; new directories are found by the next scan, or by `bw-bkup backup PATH`.',
  });
}
