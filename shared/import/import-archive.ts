import { createHash } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ulid } from 'ulid';
import type { Catalog, Manifest, ManifestSlice, ObjectLocation, StoredFile } from '../catalog/index.js';
import { encodeManifest, MANIFEST_FORMAT, MANIFEST_VERSION, storedFiles } from '../catalog/index.js';
import type { Config, DarConfig, TopdirConfig } from '../config/config.js';
import { listCatalogue } from '../dar/index.js';
import { BwError, toBwError } from '../errors/bw-error.js';
import { toPathJson } from '../paths/path-json.js';
import type { BytePath } from '../paths/byte-path.js';
import { renderArchivesTsv, renderSha512Sums } from '../restore-kit/index.js';
import type { TransferBackend, TransferItem } from '../transfer/backend.js';
import { sendItems, type ItemResult } from '../transfer/engine.js';
import { BW_BKUP_VERSION } from '../version.js';
import { IMPORTED_KEY } from './entry-record.js';
import { findSlices, placeIn, type FoundSlice } from './find-slices.js';
import { importIndex, type ImportedIndex } from './import-index.js';
import { keepingWork } from './keep-work.js';

export interface ImportRequest {
  readonly config: Config;
  readonly catalog: Catalog;
  /** One per configured LTS. */
  readonly backends: readonly TransferBackend[];
  /** To those of them that work with tasks, under the leases that all share; null: by itself, beside the tasks of the workers. */
  readonly sendInLease: ((backend: TransferBackend, items: readonly TransferItem[]) => Promise<ItemResult[]>) | null;
  readonly basepath: { readonly basepathId: string; readonly path: BytePath };
  readonly topdir: TopdirConfig;
  /** Absolute path of the slices without number and extension. */
  readonly base: string;
  /** Copy the slices into every LTS, under names of our own; else they stay where they are, which must be inside one. */
  readonly copy: boolean;
  /** What the archive is a difference to (`dar -A`): an imported backup; null: it is whole. */
  readonly parent: Manifest | null;
  /** When it was made; null: when its first slice was last changed. */
  readonly capturedAt: Date | null;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/**
 * Makes a sealed backup of an archive that another program wrote: unverified, searchable, restorable. Every slice is read. Throws IMPORT_*, DAR_*, TRANSFER_*,
 * SEAL_*; nothing is sealed then, and slices that were not copied are as they were.
 */
export async function importArchive(request: ImportRequest): Promise<Manifest> {
  const { catalog, base, signal } = request;
  const place = request.copy ? null : await placeIn(request.config.lts, base);
  if (place === null && !request.copy) throw outside(base);
  const slices = await findSlices(base, signal);
  await refuseKnown(request, slices);
  const capturedAt = capturedAtOf(request, slices);
  const backupId = ulid(capturedAt.getTime());
  const work = await catalog.createWork(backupId, 1);
  try {
    const { index, encrypted } = await indexOf(request, work.path);
    const name = request.copy ? `${request.basepath.basepathId}.${backupId}.imported` : basename(base);
    const stored = place === null ? await keepingWork(work.path, () => copySlices(request, slices, backupId, name)) : slices.map((slice) => sliceOf(slice, name, { [place.lts]: wholeObject(place.objectOf(slice), slice.bytes) }));
    const manifest = manifestOf({ request, backupId, capturedAt, index, slices: stored, name, encrypted });
    await seal(request, manifest, work.path);
    return manifest;
  } finally {
    await catalog.removeWork(backupId);
  }
}

/** A plain archive, or one with the passphrase of the topdir. */
async function indexOf({ catalog, topdir, base, parent, signal }: ImportRequest, workDir: string): Promise<{ index: ImportedIndex; encrypted: boolean }> {
  const parentLayers = parent === null ? [] : (await catalog.chain(parent)).map((each) => ({ file: catalog.file(each, each.index), backupId: each.backupId }));
  const read = (dar: DarConfig): Promise<ImportedIndex> => importIndex({ entries: listCatalogue(base, dar, { secretsDir: workDir, signal, inodes: true }), parentLayers, workDir });
  try {
    return { index: await read({ ...topdir.dar, encryption: null }), encrypted: false };
  } catch (thrown) {
    if (topdir.dar.encryption === null || toBwError(thrown).code !== 'DAR_CATALOGUE_UNREADABLE') throw thrown;
    return { index: await read(topdir.dar), encrypted: true };
  }
}

async function copySlices(request: ImportRequest, slices: readonly FoundSlice[], backupId: string, name: string): Promise<ManifestSlice[]> {
  const { backends, basepath } = request;
  const items = slices.map((slice): TransferItem => ({ object: `${basepath.basepathId}/${backupId}/${name}.${slice.number}.dar`, file: slice.path, bytes: slice.bytes, sha512: slice.sha512 }));
  for (const backend of backends) await send(request, backend, `${backupId}-slices`, items);
  return slices.map((slice, i) => sliceOf(slice, name, Object.fromEntries(backends.map((backend) => [backend.name, wholeObject(items[i]?.object ?? '', slice.bytes)]))));
}

function sliceOf({ number, bytes, sha512 }: FoundSlice, name: string, locations: Record<string, ObjectLocation>): ManifestSlice {
  return { number, name: `${name}.${number}.dar`, bytes, sha512, locations };
}

function wholeObject(object: string, bytes: number): ObjectLocation {
  return { object, offset: 0, length: bytes };
}

interface ManifestInput {
  readonly request: ImportRequest;
  readonly backupId: string;
  readonly capturedAt: Date;
  readonly index: ImportedIndex;
  readonly slices: ManifestSlice[];
  readonly name: string;
  readonly encrypted: boolean;
}

function manifestOf({ request, backupId, capturedAt, index, slices, name, encrypted }: ManifestInput): Manifest {
  const { basepath, topdir, parent, config, base, now } = request;
  const stored = (file: ImportedIndex['file']): StoredFile => ({
    ...file,
    locations: Object.fromEntries(request.backends.map((backend) => [backend.name, wholeObject(`${basepath.basepathId}/${backupId}/${file.name}`, file.bytes)])),
  });
  const at = now().toISOString();
  const archiveBytes = slices.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n).toString();
  const { state, exceptionCount } = index;
  const dar = { version: 'unknown', exitCode: 0, host: config.host, wallMs: 0, peakRssBytes: null, bytesPerSecond: 0, filesPerSecond: 0, lastError: null };
  const { entries, directoriesWithEa, withEa } = index;
  return {
    format: MANIFEST_FORMAT,
    version: MANIFEST_VERSION,
    backupId,
    basepathId: basepath.basepathId,
    level: parent === null ? 'full' : 'differential',
    parent: parent?.backupId ?? null,
    depth: parent === null ? 0 : parent.depth + 1,
    reason: 'imported',
    shrunk: false,
    source: { topdir: topdir.path, path: toPathJson(basepath.path), readFrom: toPathJson(basepath.path), fsType: 'unknown', fsId: 'unknown', rootInode: '0', owner: 'unknown' },
    imported: { from: base, at },
    policyHash: config.policyHash,
    startedAt: capturedAt.toISOString(),
    capturedAt: capturedAt.toISOString(),
    sealedAt: at,
    outcome: exceptionCount === 0 ? 'clean' : 'with-exceptions',
    counts: {
      records: state.records, directories: state.directories, sourceBytes: state.bytes.total.toString(), archiveBytes,
      exceptions: exceptionCount, vanished: 0, changedThenSaved: 0, changed: index.changed, removed: index.removed,
    },
    index: stored(index.file),
    exceptions: index.exceptions === null ? null : stored(index.exceptions),
    logs: [],
    archives: [{ key: IMPORTED_KEY, name, kind: 'data', restoreOrder: 1, entries, directoriesWithEa, withEa, keyId: encrypted ? (topdir.dar.encryption?.keyId ?? null) : null, slices, catalogue: null, dar }],
    software: { bwBkup: BW_BKUP_VERSION, node: process.version },
  };
}

/** As every seal: all files to every LTS, the manifest last, then the link in the catalog. */
async function seal(request: ImportRequest, manifest: Manifest, dir: string): Promise<void> {
  const { backends, catalog, basepath } = request;
  const prefix = `${basepath.basepathId}/${manifest.backupId}`;
  const own = async (name: string, content: string | Buffer): Promise<TransferItem> => {
    const bytes = Buffer.from(content);
    await writeFile(join(dir, name), bytes, { mode: 0o600 });
    return { object: `${prefix}/${name}`, file: join(dir, name), bytes: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex') };
  };
  const files = storedFiles(manifest);
  for (const file of files) await chmod(join(dir, file.name), 0o600);
  const items = files.map((file): TransferItem => ({ object: `${prefix}/${file.name}`, file: join(dir, file.name), bytes: file.bytes, sha512: file.sha512 }));
  const helpers = [await own('archives.tsv', renderArchivesTsv(manifest)), await own('SHA512SUMS', renderSha512Sums(manifest))];
  const last = await own('manifest.json', encodeManifest(manifest));
  for (const backend of backends) await send(request, backend, `${manifest.backupId}-files`, [...items, ...helpers]);
  for (const backend of backends) await send(request, backend, `${manifest.backupId}-manifest`, [last]);
  await catalog.seal({ manifest, files: files.map(({ name }) => ({ from: join(dir, name), name })) });
}

async function send({ sendInLease, signal }: ImportRequest, backend: TransferBackend, key: string, items: readonly TransferItem[]): Promise<void> {
  const { async } = backend.capabilities();
  const sending = async && sendInLease !== null ? sendInLease(backend, items) : sendItems({ backend, items, key: async ? await backend.prepare(items) : key, signal });
  for (const result of await sending) if (result.error !== undefined) throw result.error;
}

/** The same archive twice would be two backups of the same. */
async function refuseKnown({ catalog, basepath }: ImportRequest, slices: readonly FoundSlice[]): Promise<void> {
  for await (const listed of catalog.listBackups({ basepathId: basepath.basepathId })) {
    if (!listed.ok || listed.manifest.imported === undefined) continue;
    const known = listed.manifest.archives[0]?.slices.map(({ sha512 }) => sha512).join();
    if (known !== slices.map(({ sha512 }) => sha512).join()) continue;
    throw new BwError('IMPORT_EXISTS', {
      message: 'this archive has been imported already',
      subject: `backup ${listed.manifest.backupId}`,
      retry: 'permanent',
      hint: 'See `bw-bkup backups BASEPATH`.',
    });
  }
}

/** Throws IMPORT_PARENT_WRONG. */
function capturedAtOf({ capturedAt, parent }: ImportRequest, slices: readonly FoundSlice[]): Date {
  const at = capturedAt ?? new Date(Math.min(...slices.map(({ changedMs }) => Math.floor(changedMs))));
  if (parent === null) return at;
  if (parent.imported === undefined) throw wrongParent(parent, 'it was not imported: what an archive of another program is a difference to is such an archive');
  if (at.getTime() <= Date.parse(parent.capturedAt)) throw wrongParent(parent, `it was made at ${parent.capturedAt}, the archive at ${at.toISOString()} (--captured-at says otherwise)`);
  return at;
}

function wrongParent({ backupId }: Manifest, detail: string): BwError {
  return new BwError('IMPORT_PARENT_WRONG', { message: 'the archive cannot be a difference to this backup', subject: `backup ${backupId}`, detail, retry: 'permanent', hint: 'Name the imported backup of the archive that dar was given with -A: see `bw-bkup backups BASEPATH`.' });
}

function outside(base: string): BwError {
  return new BwError('IMPORT_OUTSIDE_LTS', {
    message: 'the slices lie in no configured long-term storage, or under names objects cannot have (letters, digits, ".", "_", "-")',
    subject: base,
    retry: 'permanent',
    hint: 'Move them into the directory of one, or import with --copy: then they are copied into every one.',
  });
}
