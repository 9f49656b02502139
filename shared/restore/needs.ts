import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Manifest, ManifestArchive } from '../catalog/manifest.js';
import type { DarConfig } from '../config/config.js';
import { archiveKey, slicesHolding } from '../dar/index.js';
import { writeDarList } from '../index/dar-list.js';
import { formatRecord } from '../index/format.js';
import { LineWriter } from '../index/line-file.js';
import { recordPath } from '../index/record.js';
import { findInState, readStateRecords, type StateLayer, type StateRecord } from '../index/state.js';
import type { BytePath } from '../paths/byte-path.js';
import { markSeen, unknownPaths } from './wanted-paths.js';

export interface NeededArchive {
  readonly backupId: string;
  readonly archive: ManifestArchive;
  /** Numbers of the slices that are read; null: all of them, or it cannot be told which. */
  readonly slices: ReadonlySet<number> | null;
  /** False: no more than these are read, perhaps fewer. */
  readonly exact: boolean;
}

export interface RestoreNeeds {
  readonly archives: readonly NeededArchive[];
  /** Entries, and what regular files hold, each name of a hard-linked one counted. */
  readonly records: number;
  readonly bytes: bigint;
}

export interface NeedsRequest {
  /** The full first, what is restored last. */
  readonly chain: readonly Manifest[];
  readonly layers: readonly StateLayer[];
  /** Only these and what is below them; empty = everything. */
  readonly paths: readonly BytePath[];
  /** Path of a stored isolated catalogue. */
  readonly catalogueOf: (manifest: Manifest, archive: ManifestArchive) => string | null;
  /** Settings to read archives of this backup with; null: this host has none. */
  readonly darOf: (manifest: Manifest) => DarConfig | null;
  /** Directory of ours. */
  readonly tempDir: string;
  readonly signal: AbortSignal;
}

/**
 * What a restore reads, from indexes and isolated catalogues alone: no long-term storage is asked. Throws RESTORE_PATH_UNKNOWN, INDEX_DAMAGED.
 */
export async function restoreNeeds(request: NeedsRequest): Promise<RestoreNeeds> {
  const held = await readHeld(request);
  const archives: NeededArchive[] = [];
  for (const manifest of request.chain) {
    for (const archive of manifest.archives) {
      const lines = held.archives.get(`${manifest.backupId} ${archive.key}`);
      if (lines !== undefined) archives.push(await needOf(request, manifest, archive, lines));
    }
  }
  const metadata = request.paths.length > 0 ? undefined : metadataOf(request.chain);
  if (metadata !== undefined) archives.push(metadata);
  return { archives, records: held.records, bytes: held.bytes };
}

/** Of the newest backup that has one, as finishing a restore takes it. */
function metadataOf(chain: readonly Manifest[]): NeededArchive | undefined {
  const found = [...chain].reverse().flatMap(({ backupId, archives }) => archives.filter(({ kind }) => kind === 'metadata').map((archive) => ({ backupId, archive })))[0];
  return found === undefined ? undefined : { ...found, slices: null, exact: true };
}

interface Held {
  /** `BACKUP ARCHIVE` -> the records wanted of it; null: not listed, because all of the backup is wanted. */
  readonly archives: ReadonlyMap<string, LineWriter | null>;
  readonly records: number;
  readonly bytes: bigint;
}

async function readHeld({ layers, paths, tempDir }: NeedsRequest): Promise<Held> {
  const archives = new Map<string, LineWriter | null>();
  const unseen = new Set(paths);
  let [records, bytes] = [0, 0n];
  for await (const batch of paths.length === 0 ? readStateRecords(layers) : findInState(layers, paths)) {
    for (const record of batch) {
      records += 1;
      if (record.type === 'f') bytes += BigInt(record.size);
      markSeen(unseen, recordPath(record));
      if (record.archive === '' || isRoot(record)) continue;
      const key = `${record.heldBy} ${record.archive}`;
      if (!archives.has(key)) archives.set(key, paths.length === 0 ? null : await LineWriter.create(join(tempDir, `held-${archives.size}`)));
      archives.get(key)?.add(formatRecord(record));
    }
    for (const writer of archives.values()) await writer?.drain();
  }
  for (const writer of archives.values()) await writer?.end();
  if (unseen.size > 0) throw unknownPaths([...unseen]);
  return { archives, records, bytes };
}

function isRoot(record: StateRecord): boolean {
  return record.name === '.' && record.dirname === '.';
}

async function needOf(request: NeedsRequest, manifest: Manifest, archive: ManifestArchive, held: LineWriter | null): Promise<NeededArchive> {
  const { backupId } = manifest;
  const all = { backupId, archive, slices: null };
  if (archive.slices.length === 1) return { ...all, exact: true };
  // Of an only backup all is wanted that its archives hold; an older one of a chain may hold what is not of this state any more.
  if (held === null) return { ...all, exact: request.chain.length === 1 && isOfOneState(manifest) };
  const slices = await slicesOf(request, manifest, archive, held.file).catch(() => null); // no key here, or dar says what we do not understand
  return slices === null ? { ...all, exact: false } : { backupId, archive, slices, exact: true };
}

async function slicesOf({ catalogueOf, darOf, tempDir, signal }: NeedsRequest, manifest: Manifest, archive: ManifestArchive, recordsFile: string): Promise<ReadonlySet<number> | null> {
  const [file, dar] = [catalogueOf(manifest, archive), darOf(manifest)];
  if (file?.endsWith('.1.dar') !== true || dar === null || archive.catalogue === null) return null;
  const listFile = `${recordsFile}.list`;
  const { includePaths } = await writeDarList({ recordsFile, listFile });
  const base = join(dirname(file), basename(file).replace(/\.1\.dar$/, ''));
  const slices = await slicesHolding(base, archiveKey(dar, archive), { listFile, includePaths, secretsDir: tempDir, signal });
  await rm(listFile, { force: true });
  return slices === null ? null : new Set([...slices, ...lastSlices(archive, archive.catalogue.bytes)]);
}

/** False where archives hold states of different age: segments that saved again what had changed, or the backups that were consolidated (pure). */
export function isOfOneState({ archives }: Pick<Manifest, 'archives'>): boolean {
  return new Set(archives.filter(({ kind }) => kind === 'data').map(({ restoreOrder }) => restoreOrder)).size <= 1;
}

/** What dar reads of every archive: its catalogue, at the end, about as large as the isolated one; and the last slice (pure). */
export function lastSlices({ slices }: Pick<ManifestArchive, 'slices'>, catalogueBytes: number): number[] {
  const found: number[] = [];
  let bytes = 0;
  for (const slice of [...slices].sort((a, b) => b.number - a.number)) {
    if (found.length > 0 && bytes >= catalogueBytes) break;
    found.push(slice.number);
    bytes += slice.bytes;
  }
  return found;
}
