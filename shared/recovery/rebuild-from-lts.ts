import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BUNDLES_PREFIX, bundleTime, META_PREFIX, SNAPSHOTS_PREFIX } from '../bundle/names.js';
import { completeSnapshots, type CompleteSnapshot } from '../bundle/snapshots.js';
import { decodeManifest, isBackupId, isBasepathId, MANIFEST_FILE, readCopyRecords, storedFiles, type Catalog } from '../catalog/index.js';
import { errnoOf } from '../catalog/disk.js';
import { TOMBSTONES } from '../catalog/layout.js';
import { BwError, toBwError } from '../errors/bw-error.js';
import { isJournalFile } from '../journal/file-name.js';
import { readJournal, type JournalEntry } from '../journal/index.js';
import { describeStatus, startPipeline } from '../process/index.js';
import { NO_HASH, type TransferBackend } from '../transfer/backend.js';

/** Clocks of hosts may differ by less, and a snapshot takes a while: bundles of so long before it are read too. */
const OVERLAP_MS = 2 * 3_600_000;

export interface FromLts {
  readonly snapshot: CompleteSnapshot | null;
  /** Objects that were read. */
  readonly objects: readonly string[];
  /** Ids of backups that were brought back into the catalog. */
  readonly adopted: readonly string[];
  /** Removed backups that were brought back with their tombstones. */
  readonly buried: number;
  /** Journal files that were brought back. */
  readonly journals: number;
  /** What the journal is to be told of the bundles that were read. */
  readonly bundled: readonly JournalEntry[];
  readonly problems: readonly BwError[];
}

/**
 * Brings catalog and journal back from one LTS alone: the newest snapshot, then metadata bundles that are newer. What the catalog has already is left as it is. Streams, with
 * one object at a time in `scratch` (an empty directory of ours where the backend may bring objects) and unpacked. Everything is checked against the hashes in its manifest
 * before it is sealed again; what the journal calls erased does not come back. Throws what the backend throws, RESTORE_OBJECT_CORRUPT.
 */
export async function rebuildFromLts(catalog: Catalog, backend: TransferBackend, scratch: string): Promise<FromLts> {
  const work = new Rebuild(catalog, backend, scratch);
  const snapshot = completeSnapshots(await namesBelow(backend, SNAPSHOTS_PREFIX))[0] ?? null;
  const sinceMs = snapshot === null ? 0 : snapshot.startedMs - OVERLAP_MS;
  await work.readErased(sinceMs); // where the catalog lives, or some of it
  for (const object of snapshot?.objects ?? []) await work.unpack(object, () => work.takeSnapshot());
  await work.readErased(sinceMs); // of a journal that has come back
  const bundles = (await namesBelow(backend, META_PREFIX)).filter((object) => (bundleTime(object) ?? -1) >= sinceMs).sort();
  for (const object of bundles) await work.unpack(object, (bytes) => work.takeBundle(object, bytes));
  return { snapshot, ...work.result() };
}

async function namesBelow(backend: TransferBackend, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { object } of backend.list(prefix)) names.push(object);
  return names;
}

class Rebuild {
  readonly #objects: string[] = [];
  readonly #adopted: string[] = [];
  readonly #bundled: JournalEntry[] = [];
  readonly #problems: BwError[] = [];
  readonly #tree: string;
  #erased: ReadonlySet<string> = new Set();
  #buried = 0;
  #journals = 0;

  constructor(
    private readonly catalog: Catalog,
    private readonly backend: TransferBackend,
    private readonly scratch: string,
  ) {
    this.#tree = join(scratch, 'tree');
  }

  result(): Omit<FromLts, 'snapshot'> {
    return { objects: this.#objects, adopted: this.#adopted, buried: this.#buried, journals: this.#journals, bundled: this.#bundled, problems: this.#problems };
  }

  /** Their objects are gone: they are in a bundle, or a snapshot, of before that. */
  async readErased(sinceMs: number): Promise<void> {
    const erased = new Set<string>();
    for await (const { backupId } of readJournal(this.catalog.journalDir, { kinds: ['erased'], sinceMs, onProblem: () => undefined })) erased.add(backupId);
    this.#erased = erased;
  }

  /** Brings an object, unpacks it, has it taken over, and forgets it. */
  async unpack(object: string, take: (bytes: number) => Promise<void>): Promise<void> {
    const file = join(this.scratch, 'object.tar');
    try {
      const bytes = (await this.backend.stat(object))?.bytes ?? 0;
      await this.backend.stage([object]);
      await this.backend.fetch({ object, file, bytes, sha512: NO_HASH });
      this.#objects.push(object);
      await mkdir(this.#tree, { mode: 0o700 });
      await untar(object, file, this.#tree);
      await take(bytes);
    } finally {
      await rm(file, { force: true });
      await rm(this.#tree, { recursive: true, force: true });
    }
  }

  async takeSnapshot(): Promise<void> {
    await this.#takeBackups(join(this.#tree, 'backups'));
    const dir = join(this.#tree, 'journal');
    for (const name of (await namesIn(dir)).filter(isJournalFile)) if (await this.catalog.bringBackJournal(name, join(dir, name))) this.#journals += 1;
  }

  async takeBundle(object: string, bytes: number): Promise<void> {
    const before = this.#problems.length;
    const backups = await this.#takeBackups(this.#tree);
    // While a backup in it is not known here, nor is the bundle: nothing that it may speak of is swept then.
    if (this.#problems.length === before) this.#bundled.push({ kind: 'metadata-bundled', lts: this.backend.name, object, bytes: String(bytes), backups });
  }

  async #takeBackups(top: string): Promise<{ basepathId: string; backupId: string }[]> {
    const found: { basepathId: string; backupId: string }[] = [];
    for (const basepathId of (await namesIn(top)).filter((name) => isBasepathId(name) && name !== META_PREFIX && name !== BUNDLES_PREFIX).sort()) {
      for (const backupId of (await namesIn(join(top, basepathId))).filter((name) => isBackupId(name) && !this.#erased.has(name)).sort()) {
        try {
          await this.#takeOne(basepathId, backupId, join(top, basepathId, backupId));
          found.push({ basepathId, backupId });
        } catch (thrown) {
          this.#problems.push(toBwError(thrown));
        }
      }
    }
    return found;
  }

  async #takeOne(basepathId: string, backupId: string, dir: string): Promise<void> {
    const names = await namesIn(dir);
    if (TOMBSTONES.some((name) => names.includes(name))) {
      if (await this.catalog.bringBackRemoved(basepathId, backupId, dir)) this.#buried += 1;
      return;
    }
    if (await this.#isKnown(basepathId, backupId)) return;
    const manifest = decodeManifest(await readFile(join(dir, MANIFEST_FILE)), join(dir, MANIFEST_FILE));
    const sealed = await this.catalog.seal({ manifest, files: storedFiles(manifest).map(({ name }) => ({ from: join(dir, name), name })) });
    if (sealed !== 'sealed') return;
    for (const record of await readCopyRecords(dir)) await this.catalog.addCopyRecord(basepathId, record);
    this.#adopted.push(backupId);
  }

  /** Also when it was removed, or is damaged: that is never overwritten. */
  async #isKnown(basepathId: string, backupId: string): Promise<boolean> {
    if (await this.catalog.isRemoved(basepathId, backupId)) return true;
    return this.catalog.readManifest(basepathId, backupId).then(() => true, (thrown: unknown) => toBwError(thrown).code !== 'MANIFEST_MISSING');
  }
}

/** By stock programs, as a person would; checksums of zstd, and the hashes in the manifests, tell damage. */
async function untar(object: string, file: string, dir: string): Promise<void> {
  const tar = { program: 'tar', args: ['-x', '--no-same-owner', '--no-same-permissions', '-C', dir, '-f', object.endsWith('.zst') ? '-' : file] };
  const stages = object.endsWith('.zst') ? [{ program: 'zstd', args: ['-q', '-d', '-c', '--', file] }, tar] : [tar];
  const pipeline = startPipeline(stages);
  pipeline.stdout.resume();
  const bad = (await pipeline.done).find(({ status }) => status.code !== 0);
  if (bad === undefined) return;
  throw new BwError('RESTORE_OBJECT_CORRUPT', {
    message: 'the object in long-term storage cannot be unpacked',
    retry: 'permanent',
    subject: object,
    hint: 'Use another LTS (`bw-bkup catalog rebuild --from-lts NAME`), or move this object away: an older snapshot and what is newer than that are read then.',
    detail: `${bad.program} ended with ${describeStatus(bad.status)}\n${bad.stderr.toString().slice(0, 2000)}`,
  });
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch((thrown: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(thrown) ?? '')) return [];
    throw thrown;
  });
}
