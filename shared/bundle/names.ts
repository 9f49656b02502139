import { decodeTime } from 'ulid';

/** Tar objects of slices. No basepath id is like one of these: they all end in a hash. */
export const BUNDLES_PREFIX = 'bundles';
/** Tar objects of what describes backups: manifests, indexes, catalogues, lists, logs. */
export const META_PREFIX = 'meta';
/** Catalog and journal as they were. */
export const SNAPSHOTS_PREFIX = 'snapshots';
/** Below a host's part of staging: tars on their way. No run is called so. */
export const STAGED_BUNDLES = 'bundles';
/** First components of names that are of no basepath. */
export const OWN_PREFIXES: readonly string[] = [BUNDLES_PREFIX, META_PREFIX, SNAPSHOTS_PREFIX];

const ULID = '[0-7][0-9A-HJKMNP-TV-Z]{25}';
const BUNDLE = new RegExp(`^(?:${BUNDLES_PREFIX}|${META_PREFIX})/\\d{4}-\\d{2}/(${ULID})(?:\\.[A-Za-z0-9._-]+)?\\.tar$`);
const SNAPSHOT = new RegExp(`^${SNAPSHOTS_PREFIX}/(\\d{4}-\\d{2}-\\d{2}-(${ULID}))\\.(\\d{4})(\\.last)?\\.tar\\.zst$`);

/** `bundles/2026-11/ULID.HOST.tar`: a directory a month, so that none gets endless. The ulid has the time. */
export function bundleObject(ulid: string, host: string): string {
  return `${BUNDLES_PREFIX}/${monthOf(ulid)}/${ulid}.${host.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 100)}.tar`;
}

export function metaObject(ulid: string): string {
  return `${META_PREFIX}/${monthOf(ulid)}/${ulid}.tar`;
}

/** `snapshots/2026-11-26-ULID.0001.tar.zst`; the last part, with which it is complete, `.0002.last.tar.zst`. */
export function snapshotObject(ulid: string, part: number, isLast: boolean): string {
  return `${SNAPSHOTS_PREFIX}/${dayOf(ulid)}-${ulid}.${String(part).padStart(4, '0')}${isLast ? '.last' : ''}.tar.zst`;
}

/** The ulid in the name of a bundle. */
export function bundleId(object: string): string {
  const id = BUNDLE.exec(object)?.[1];
  if (id === undefined) throw new TypeError(`not the name of a bundle: ${object}`);
  return id;
}

/** When a bundle got its name, ms since the epoch; null: it is none. */
export function bundleTime(object: string): number | null {
  const id = BUNDLE.exec(object)?.[1];
  return id === undefined ? null : decodeTime(id);
}

export interface SnapshotPart {
  readonly object: string;
  /** The snapshot it is of. */
  readonly id: string;
  readonly startedMs: number;
  readonly part: number;
  readonly isLast: boolean;
}

/** Null: no part of a snapshot. */
export function snapshotPart(object: string): SnapshotPart | null {
  const [, id, ulid = '', part, last] = SNAPSHOT.exec(object) ?? [];
  return id === undefined ? null : { object, id, startedMs: decodeTime(ulid), part: Number(part), isLast: last !== undefined };
}

function monthOf(ulid: string): string {
  return dayOf(ulid).slice(0, 7);
}

function dayOf(ulid: string): string {
  return new Date(decodeTime(ulid)).toISOString().slice(0, 10);
}
