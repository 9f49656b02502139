import type { Manifest } from '../catalog/manifest.js';
import { showPath, type BytePath } from '../paths/byte-path.js';

/** The newest backup of a basepath, and what restoring it takes. */
export interface BackupRow {
  readonly basepathId: string;
  readonly path: BytePath;
  readonly backupId: string;
  readonly level: Manifest['level'];
  /** ISO 8601, UTC. */
  readonly capturedAt: string;
  readonly sealedAt: string;
  /** Directories below the LTS root that a restore needs, the full first, this backup last. */
  readonly directories: readonly string[];
  /** Ids of the keys that its chain is encrypted with; none: not encrypted. */
  readonly keyIds: readonly string[];
  /** Tar objects that hold parts of these directories; none: everything is an object of its own. */
  readonly bundles: readonly BundleUse[];
}

export interface BundleUse {
  readonly directory: string;
  readonly object: string;
}

const HEADER = '#basepath\tpath\tbackup\tlevel\tcapturedAt\tsealedAt\tdirectories\tkeyIds\n';

/** One line per row, sorted by path, then capture; paths are printable (no tab or newline can get in). */
export function renderBackupsTsv(rows: readonly BackupRow[]): string {
  const sorted = [...rows].sort((a, b) => compare(a.path, b.path) || compare(a.capturedAt, b.capturedAt));
  return HEADER + sorted.map(renderRow).join('');
}

function renderRow(row: BackupRow): string {
  const fields = [row.basepathId, showPath(row.path), row.backupId, row.level, row.capturedAt, row.sealedAt, row.directories.join(' '), row.keyIds.join(' ') || '-'];
  return `${fields.join('\t')}\n`;
}

const BUNDLES_HEADER = '#directory\tobject\n';

/** A line per directory and tar object that holds something of it; directories of one chain in their order. */
export function renderBundlesTsv(rows: readonly BackupRow[]): string {
  const lines = new Set(rows.flatMap(({ bundles }) => bundles.map(({ directory, object }) => `${directory}\t${object}\n`)));
  return BUNDLES_HEADER + [...lines].join('');
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
