import type { ListedBackup, Manifest } from '../catalog/index.js';
import { bundlingLts, copyStates, type BundlingConfig } from './copy-state.js';

/** What the configuration says of the copies of a topdir. */
export interface TopdirCopies {
  readonly path: string;
  readonly lts: readonly string[];
  readonly copies: { readonly missingForMs: number };
}

export interface MissingCopy {
  readonly basepathId: string;
  readonly backupId: string;
  readonly topdir: string;
  readonly sealedAt: string;
  /** What is not there. */
  readonly bytes: bigint;
  /** Missing for longer than the configuration lets it. */
  readonly isOverdue: boolean;
}

export interface LtsCopies {
  readonly lts: string;
  complete: number;
  completeBytes: bigint;
  missing: number;
  missingBytes: bigint;
  overdue: number;
  /** Backups from before it was configured: filled up on demand. */
  absent: number;
  oldest: MissingCopy | null;
}

/** What each LTS holds of all sealed backups: pure, fed with manifests one by one; memory grows with the number of LTS only. */
export class CopyTally {
  readonly #rows: ReadonlyMap<string, LtsCopies>;
  /** Names that manifests know and the configuration does not: their copies are not counted. */
  readonly unknown = new Set<string>();

  constructor(
    readonly lts: BundlingConfig['lts'],
    readonly topdirs: readonly TopdirCopies[],
    private readonly nowMs: number,
  ) {
    this.#rows = new Map(lts.map(({ name }) => [name, { lts: name, complete: 0, completeBytes: 0n, missing: 0, missingBytes: 0n, overdue: 0, absent: 0, oldest: null }]));
  }

  get rows(): readonly LtsCopies[] {
    return [...this.#rows.values()];
  }

  /** Returns what is missing of it, by LTS. */
  add(manifest: Manifest): Map<string, MissingCopy> {
    const { basepathId, backupId, sealedAt, source } = manifest;
    const topdir = this.topdirs.find(({ path }) => path === source.topdir);
    for (const lts of Object.keys(manifest.index.locations)) if (!this.#rows.has(lts)) this.unknown.add(lts);
    const found = new Map<string, MissingCopy>();
    for (const { lts, state, bytes, thereBytes } of copyStates(manifest, [...this.#rows.keys()], bundlingLts(this, manifest))) {
      const row = this.#rows.get(lts);
      if (row === undefined) continue;
      if (state === 'complete') {
        row.complete += 1;
        row.completeBytes += bytes;
      } else if (state === 'missing') {
        const isOverdue = topdir !== undefined && this.nowMs - Date.parse(sealedAt) > topdir.copies.missingForMs;
        const missing = { basepathId, backupId, topdir: source.topdir, sealedAt, bytes: bytes - thereBytes, isOverdue };
        found.set(lts, missing);
        note(row, missing);
      } else if (topdir?.lts.includes(lts) === true) row.absent += 1;
    }
    return found;
  }
}

/** Backups as they come, each counted on its way. */
export async function* tallied(backups: AsyncIterable<ListedBackup>, tally: CopyTally): AsyncGenerator<ListedBackup> {
  for await (const listed of backups) {
    if (listed.ok) tally.add(listed.manifest);
    yield listed;
  }
}

function note(row: LtsCopies, missing: MissingCopy): void {
  row.missing += 1;
  row.missingBytes += missing.bytes;
  if (missing.isOverdue) row.overdue += 1;
  if (row.oldest === null || missing.sealedAt < row.oldest.sealedAt) row.oldest = missing;
}
