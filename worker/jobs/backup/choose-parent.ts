import { chainOf, fullIdOf } from '../../../shared/catalog/chain.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';

type Candidate = Pick<Manifest, 'backupId' | 'parent' | 'capturedAt' | 'level' | 'imported'>;

/**
 * The chain a backup of this level is compared with, the full first; empty for a full (pure). An incremental's parent is the backup of latest capture
 * in the newest chain, which is that of the full of latest capture: a week-long full ends after younger incrementals, whose chain is
 * another. A differential's parent is that full. What was imported is nobody's parent: it knows neither inodes nor nanoseconds. `known`: sealed, usable backups of the basepath. Throws PARENT_MISSING without a full.
 */
export function chooseParent<T extends Candidate>(level: Manifest['level'], known: ReadonlyMap<string, T>, subject: string): T[] {
  if (level === 'full') return [];
  const full = latest([...known.values()].filter((backup) => backup.level === 'full' && backup.imported === undefined));
  if (full === null) throw noFull(subject);
  if (level === 'differential') return [full];
  const parent = latest([...known.values()].filter((backup) => fullIdOf(backup, known) === full.backupId));
  return chainOf(parent ?? full, known);
}

function latest<T extends Candidate>(backups: readonly T[]): T | null {
  const later = (a: T, b: T): T => (Date.parse(b.capturedAt) > Date.parse(a.capturedAt) || (b.capturedAt === a.capturedAt && b.backupId > a.backupId) ? b : a);
  return backups.length === 0 ? null : backups.reduce(later);
}

function noFull(subject: string): BwError {
  return new BwError('PARENT_MISSING', {
    message: 'there is no sealed full backup to compare with',
    subject,
    retry: 'permanent',
    hint: 'Make a full first: bw-bkup backup BASEPATH. The producer does so by itself.',
  });
}
