import { dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { BwError } from '../errors/bw-error.js';
import { errnoOf, exists, temporaryName, type Disk } from './disk.js';
import { ensureDir, linkExclusive, sameFile } from './durable.js';
import { MANIFEST_FILE, type Layout } from './layout.js';
import { tombstoneIn } from './listing.js';
import { decodeManifest, encodeManifest, storedFiles } from './manifest-codec.js';
import type { Manifest, StoredFile } from './manifest.js';
import { mapLimited } from './map-limited.js';
import { checkStoredFile } from './stored-file.js';

/** Files treated at once: more than libuv's four threads gain nothing, and descriptors stay few. */
const FILES_AT_ONCE = 4;

export interface SealRequest {
  readonly manifest: Manifest;
  /** Where each file named by the manifest lies now (absolute). They stay there; the catalog gets links to them. */
  readonly files: readonly { readonly from: string; readonly name: string }[];
  /** Told when it was this call whose link made the backup true: of all that try, at most one. */
  readonly onLinked?: () => void;
}

export type SealResult = 'sealed' | 'taken';

interface Place {
  readonly from: string;
  readonly to: string;
  readonly stored: StoredFile;
}

/**
 * Makes a backup true. Order of effects: directory, files, fsync of both, exclusive link of the manifest, fsync.
 * Cut off anywhere before the link there is no backup and sweepUnsealed removes the rest; after it there is one.
 * Cost: three rounds of fsyncs, each round concurrent.
 *
 * The directory is made before the parent's tombstone is looked for: whoever buries a backup links its tombstone
 * first and then looks for directories of the same basepath that are unsealed or name it as parent. One of the two sees the other.
 */
export async function seal(layout: Layout, disk: Disk, request: SealRequest): Promise<SealResult> {
  const { manifest } = request;
  const bytes = encodeManifest(manifest);
  const dir = layout.backup(manifest.basepathId, manifest.backupId);
  const places = matchFiles(request, dir);
  await refuseRemoved(layout, manifest);
  if (await exists(join(dir, MANIFEST_FILE))) return readResult(dir, bytes);
  await mapLimited(places, FILES_AT_ONCE, checkBeforeSeal);
  await ensureDir(dirname(dir), disk);
  await disk.makeDir(dir);
  const attempt = new SealAttempt(disk, dir, places);
  try {
    await attempt.place(bytes);
    await refuseRemoved(layout, manifest);
    const linked = await linkExclusive(attempt.temporary, join(dir, MANIFEST_FILE), { synced: true, disk });
    if (linked === 'linked') {
      request.onLinked?.();
      return 'sealed';
    }
  } catch (thrown) {
    await attempt.withdrawAfter(thrown);
  }
  const result = await readResult(dir, bytes);
  if (result === 'taken') await attempt.withdraw();
  return result;
}

/** One caller's things in a backup's directory until the manifest is linked. */
class SealAttempt {
  readonly temporary: string;
  private readonly placed: string[] = [];

  constructor(
    private readonly disk: Disk,
    private readonly dir: string,
    private readonly places: readonly Place[],
  ) {
    this.temporary = join(dir, temporaryName(MANIFEST_FILE));
  }

  /** Brings files and manifest into the directory, all on disk when it resolves. */
  async place(manifestBytes: Uint8Array): Promise<void> {
    const { disk, dir } = this;
    const writes = [
      () => disk.writeNew(this.temporary, manifestBytes),
      ...this.places.map((place) => () => this.placeOne(place)),
    ];
    await mapLimited(writes, FILES_AT_ONCE, (write) => write());
    await mapLimited([dir, dirname(dir)], 2, (path) => disk.syncDir(path));
  }

  /** Removes what this caller put there, unless a sealed manifest names it. */
  async withdraw(): Promise<void> {
    const named = await namesInSealed(this.dir);
    await this.disk.unlink(this.temporary);
    if (named === null) return;
    for (const path of this.placed) if (!named.has(path)) await this.disk.unlink(path);
    if (named.size === 0) await this.disk.removeDir(this.dir);
  }

  async withdrawAfter(thrown: unknown): Promise<never> {
    await this.withdraw().catch((second: unknown) => {
      throw new AggregateError([thrown, second], 'could not seal, nor clean up behind it; the next sweep does');
    });
    throw thrown;
  }

  private async placeOne(place: Place): Promise<void> {
    const { from, to } = place;
    await this.disk.syncFile(from);
    const linked = await this.linkOrNull(from, to);
    if (linked === null) await this.copyOne(place);
    else if (!linked && !(await sameFile(from, to))) await this.adopt(place);
  }

  private async copyOne(place: Place): Promise<void> {
    const copy = join(this.dir, temporaryName('copy'));
    await this.disk.copyNew(place.from, copy);
    const linked = await linkExclusive(copy, place.to, { synced: true, disk: this.disk });
    if (linked === 'linked') this.placed.push(place.to);
    else await this.adopt(place);
  }

  /** A start that was cut off here left the file: the same content is as good as ours. */
  private async adopt({ to, stored }: Place): Promise<void> {
    const problem = await checkStoredFile(to, stored);
    if (problem !== null) throw nameTaken(to, problem.detail);
    await this.disk.syncFile(to);
  }

  /** Null where the work area lies on another filesystem than the backups. */
  private async linkOrNull(from: string, to: string): Promise<boolean | null> {
    try {
      const linked = await this.disk.link(from, to);
      if (linked) this.placed.push(to);
      return linked;
    } catch (thrown) {
      if (errnoOf(thrown) === 'EXDEV') return null;
      throw thrown;
    }
  }
}

function matchFiles({ manifest, files }: SealRequest, dir: string): Place[] {
  const sources = new Map(files.map((file) => [file.name, file.from]));
  const places = storedFiles(manifest).map((stored) => ({ stored, from: sources.get(stored.name), to: join(dir, stored.name) }));
  const missing = places.filter((place) => place.from === undefined).map((place) => place.stored.name);
  if (missing.length === 0 && sources.size === places.length && files.length === places.length) return places as Place[];
  throw incomplete(manifest.backupId, `named by the manifest: ${places.map((p) => p.stored.name).join(', ')}\ngiven: ${files.map((f) => f.name).join(', ')}`);
}

async function checkBeforeSeal({ from, stored }: Place): Promise<void> {
  const problem = await checkStoredFile(from, stored);
  if (problem !== null) throw incomplete(stored.name, `${from}: ${problem.problem}: ${problem.detail}`);
}

/** Another caller's seal, or, after an answer got lost, our own: only the content tells. */
async function readResult(dir: string, ours: Buffer): Promise<SealResult> {
  const sealed = await readFile(join(dir, MANIFEST_FILE));
  return sealed.equals(ours) ? 'sealed' : 'taken';
}

/** Paths a sealed manifest names; empty without one, null where it cannot be read and nothing may be removed. */
async function namesInSealed(dir: string): Promise<Set<string> | null> {
  try {
    const manifest = decodeManifest(await readFile(join(dir, MANIFEST_FILE)), dir);
    return new Set(storedFiles(manifest).map((file) => join(dir, file.name)));
  } catch (thrown) {
    return errnoOf(thrown) === 'ENOENT' ? new Set() : null;
  }
}

async function refuseRemoved(layout: Layout, manifest: Manifest): Promise<void> {
  const chain = manifest.parent === null ? [manifest.backupId] : [manifest.backupId, manifest.parent];
  for (const backupId of chain) {
    const dir = layout.backup(manifest.basepathId, backupId);
    const tombstone = await tombstoneIn(dir);
    if (tombstone === null) continue;
    throw new BwError('SEAL_REMOVED', {
      message: backupId === manifest.backupId ? 'The backup was removed before it was sealed' : 'The parent of the backup was removed while it ran',
      subject: `backup ${manifest.backupId}`,
      detail: join(dir, tombstone),
      retry: 'permanent',
      hint: 'Nothing was sealed. The next scheduled run makes a new backup with a parent that is kept.',
    });
  }
}

function incomplete(subject: string, detail: string): BwError {
  return new BwError('SEAL_INCOMPLETE', {
    message: 'The files of a backup are not what its manifest says; nothing was sealed',
    subject,
    detail,
    retry: 'retry',
    hint: 'The run is repeated. If it happens again, look at the catalog filesystem and its work directory.',
  });
}

function nameTaken(path: string, detail: string): BwError {
  return new BwError('SEAL_NAME_TAKEN', {
    message: 'A file of this name lies in the backup directory already, with other content',
    subject: path,
    detail,
    retry: 'retry',
    hint: 'Names carry the start number and nonce: a new start takes new names; the sweep removes the old file.',
  });
}
