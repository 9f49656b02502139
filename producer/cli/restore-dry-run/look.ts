import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Manifest } from '../../../shared/catalog/index.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { readJournal } from '../../../shared/journal/index.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import { fetchList, shareByLts, type LtsShare, type NeededSlice } from '../../../shared/restore/fetch-list.js';
import { restoreNeeds, type RestoreNeeds } from '../../../shared/restore/needs.js';
import { restoreRate, type PastRestore, type RestoreRate } from '../../../shared/restore/rate.js';
import { windowBytes } from '../../../shared/restore/room.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { isAway } from '../../../shared/transfer/recall.js';
import { createBackends } from '../../../shared/transfer/create-backend.js';
import type { Site } from '../site.js';
import type { DryRunBasepath, DryRunLts } from './outputs.js';

/** What one basepath needs. */
export interface Look {
  readonly row: DryRunBasepath;
  readonly slices: readonly NeededSlice[];
  readonly stagingBytes: number;
}

/** Looks at what restores would read; nothing is changed, and of an LTS only asked what lies on tape. */
export class Looker {
  readonly #backends: readonly TransferBackend[];
  readonly #tape: ReadonlySet<string>;

  private constructor(
    private readonly site: Site,
    private readonly tempDir: string,
  ) {
    this.#backends = createBackends(site.config);
    this.#tape = new Set(site.config.lts.filter(({ tape }) => tape).map(({ name }) => name));
  }

  /** With a directory of its own, which is gone afterwards. */
  static async with<T>(site: Site, work: (looker: Looker) => Promise<T>): Promise<T> {
    const tempDir = await mkdtemp(join(tmpdir(), 'bw-dry-run-'));
    try {
      return await work(new Looker(site, tempDir));
    } finally {
      await rm(tempDir, { recursive: true, force: true });
    }
  }

  async look(manifest: Manifest, name: string | null, paths: readonly BytePath[], signal: AbortSignal): Promise<Look> {
    const { catalog } = this.site;
    const chain = await catalog.chain(manifest);
    const layers = chain.map((each) => ({ file: catalog.file(each, each.index), backupId: each.backupId }));
    const tempDir = join(this.tempDir, manifest.backupId);
    await mkdir(tempDir, { mode: 0o700 });
    const needs = await restoreNeeds({
      chain,
      layers,
      paths,
      catalogueOf: (of, { catalogue }) => (catalogue === null ? null : catalog.file(of, catalogue)),
      darOf: ({ source }) => this.site.config.topdirs.find(({ path }) => path === source.topdir)?.dar ?? null,
      tempDir,
      signal,
    });
    await rm(tempDir, { recursive: true, force: true });
    return this.#lookOf(manifest, name, paths, chain, needs);
  }

  async #lookOf(manifest: Manifest, name: string | null, paths: readonly BytePath[], chain: readonly Manifest[], needs: RestoreNeeds): Promise<Look> {
    const { slices, missing } = fetchList(needs.archives, this.#backends);
    const { basepathId, backupId, capturedAt, counts } = manifest;
    const row: DryRunBasepath = {
      basepathId,
      name,
      state: 'to-restore',
      backupId,
      capturedAt,
      chain: chain.map((each) => chainRow(each, needs)),
      lts: await this.byLts(slices),
      exact: needs.archives.every(({ exact }) => exact),
      records: needs.records,
      targetBytes: paths.length === 0 ? counts.sourceBytes : needs.bytes.toString(),
      missing: [...missing],
    };
    return { row, slices, stagingBytes: Math.max(0, ...needs.archives.map(({ archive }) => windowBytes(archive, this.#backends))) };
  }

  async byLts(slices: readonly NeededSlice[]): Promise<DryRunLts[]> {
    const offline = new Map<string, ReadonlySet<string>>();
    for (const backend of this.#backends) {
      const objects = [...new Set(slices.filter(({ lts }) => lts === backend.name).map(({ object }) => object))];
      const states = objects.length === 0 ? undefined : await backend.stageStates?.(objects).catch((thrown: unknown) => {
        this.#sayUnknown(backend, thrown);
        return undefined;
      });
      if (states !== undefined) offline.set(backend.name, new Set(objects.filter((object) => isAway(states.get(object)))));
    }
    return shareByLts(slices, this.#tape, offline).map(rowOfLts);
  }

  #sayUnknown({ name }: TransferBackend, thrown: unknown): void {
    this.site.logger.warn({ err: toBwError(thrown), lts: name }, 'what lies on tape is not known');
  }
}

function rowOfLts({ bytes, fetchedBytes, onTapeBytes, ...rest }: LtsShare): DryRunLts {
  return { ...rest, bytes: String(bytes), fetchedBytes: String(fetchedBytes), onTapeBytes: String(onTapeBytes) };
}

function chainRow({ backupId, level, capturedAt }: Manifest, { archives }: RestoreNeeds): DryRunBasepath['chain'][number] {
  const own = archives.filter((each) => each.backupId === backupId);
  const slices = own.flatMap(({ archive, slices: wanted }) => archive.slices.filter(({ number }) => wanted?.has(number) ?? true));
  return { backupId, level, capturedAt, archives: own.length, slices: slices.length, bytes: String(slices.reduce((sum, { bytes }) => sum + bytes, 0)) };
}

/** Of the filesystem that a directory lies in, or will. */
export async function freeBytesAt(directory: string): Promise<bigint | null> {
  for (let at = directory; ; at = dirname(at)) {
    const info = await statfs(at, { bigint: true }).catch(() => null);
    if (info !== null) return info.bavail * info.bsize;
    if (at === dirname(at)) return null;
  }
}

/** How fast this site has restored. */
export async function measuredRate({ catalog, logger }: Site): Promise<RestoreRate | null> {
  const past: PastRestore[] = [];
  const onProblem = (problem: unknown): void => { logger.warn({ problem }, 'journal line not usable'); };
  for await (const { outcome, bytes, startedAt, endedAt } of readJournal(catalog.journalDir, { kinds: ['restore-ended'], onProblem })) {
    if (outcome === 'clean' || outcome === 'with-exceptions') past.push({ startedMs: Date.parse(startedAt), endedMs: Date.parse(endedAt), bytes: Number(bytes) });
  }
  return restoreRate(past);
}
