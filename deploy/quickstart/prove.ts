import { join } from 'node:path';
import { compareTrees, type CompareResult } from '../../shared/compare/index.js';
import { toBwError, formatError } from '../../shared/errors/bw-error.js';
import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';
import { describeStatus } from '../../shared/process/index.js';
import { runShown, type SealedBackup } from './command-line.js';
import type { Site } from './site.js';

/** What became of one basepath. */
export interface Row {
  readonly path: BytePath;
  /** null: nothing was sealed. */
  readonly backup: SealedBackup | null;
  /** null: not restored. */
  readonly proof: Proof | null;
}

export interface Proof {
  /** What the restore or the comparison complained about. */
  readonly problem: string | null;
  /** null: could not be compared. */
  readonly compared: CompareResult | null;
}

/** A restore of this size takes seconds and shows enough. */
const HANDY_BYTES = 1024 ** 3;

/** All of the sample; of a user's directory the largest clean basepath that is handy, or else the smallest. */
export function chooseToRestore(site: Site, backups: readonly SealedBackup[]): SealedBackup[] {
  if (site.isSample) return [...backups];
  const bySize = [...backups].sort((a, b) => Number(a.archiveBytes) - Number(b.archiveBytes));
  const clean = bySize.filter((backup) => backup.outcome === 'clean');
  const handy = clean.filter((backup) => Number(backup.archiveBytes) <= HANDY_BYTES);
  const chosen = handy.at(-1) ?? clean[0] ?? bySize[0];
  return chosen === undefined ? [] : [chosen];
}

/** Restores a backup with the command line and compares the result with the source, without the command line's help. */
export async function restoreAndCompare(site: Site, backup: SealedBackup): Promise<Proof> {
  const restoredTo = join(site.restoredDir, backup.basepathId);
  const status = await runShown(site, 'restore', backup.basepathId, '--to', restoredTo);
  const problem = status.code === 0 ? null : `bw-bkup restore ended with ${describeStatus(status)}`;
  try {
    const right = bytePath.fromText(restoredTo);
    return { problem, compared: await compareTrees({ left: backup.path, right, content: 'hash', ignore: notComparable() }) };
  } catch (thrown) {
    return { problem: [problem, formatError(toBwError(thrown))].filter((each) => each !== null).join('\n'), compared: null };
  }
}

/** Only root can give files to others, so an ordinary user's copy of them is his own. */
function notComparable(): { fields: ('uid' | 'gid')[] } {
  return { fields: process.getuid?.() === 0 ? [] : ['uid', 'gid'] };
}

/** One row per basepath that was there before, saved or not. */
export function makeRows(basepaths: readonly BytePath[], backups: readonly SealedBackup[], proofs: ReadonlyMap<string, Proof>): Row[] {
  const byPath = new Map(backups.map((backup) => [backup.path, backup]));
  return basepaths.map((path) => {
    const backup = byPath.get(path) ?? null;
    return { path, backup, proof: backup === null ? null : (proofs.get(backup.backupId) ?? null) };
  });
}

/** Whether everything was saved clean, and what was restored is the same. */
export function allHeld(rows: readonly Row[]): boolean {
  const saved = rows.every((row) => row.backup?.outcome === 'clean');
  const proofs = rows.flatMap((row) => (row.proof === null ? [] : [row.proof]));
  return saved && proofs.length > 0 && proofs.every((proof) => proof.problem === null && proof.compared?.same === true);
}
