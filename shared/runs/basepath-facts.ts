import { z } from 'zod';
import { chainOf, fullIdOf } from '../catalog/chain.js';
import type { Manifest } from '../catalog/manifest.js';

const count = z.number().nonnegative();

/**
 * What decisions about one basepath rest on, from its sealed backups. A summary and not a list of them: it stays below 600 bytes however many
 * there are, so that Redis holds 100,000 basepaths in a few dozen MB. Bytes are numbers: decisions need no more than 53 bits.
 */
export const basepathFactsSchema = z.object({
  /** The backup of latest capture. */
  backupId: z.string(),
  level: z.enum(['full', 'differential', 'incremental']),
  capturedAt: z.string(),
  outcome: z.enum(['clean', 'with-exceptions']),
  /** Apparent bytes it holds, with its chain. */
  sourceBytes: count,
  /** The full of latest capture, with which the newest chain begins. */
  full: z
    .object({
      backupId: z.string(),
      capturedAt: z.string(),
      sourceBytes: count,
      archiveBytes: count,
      /** What it took of the slots of workers, ms. */
      slotMs: count,
      /** No other full of the basepath is there. */
      first: z.boolean(),
    })
    .nullable(),
  /** What a restore of the newest chain's last backup replays on top of that full: backups, and the bytes of their archives. */
  chain: z.object({ length: count, archiveBytes: count }),
  /** The newest backup that is no full. */
  other: z.object({ archiveBytes: count, slotMs: count }).nullable(),
});

export type BasepathFacts = z.infer<typeof basepathFactsSchema>;

/** The fields of a manifest this needs. */
export type SealedBackup = Pick<Manifest, 'backupId' | 'level' | 'parent' | 'capturedAt' | 'startedAt' | 'sealedAt' | 'outcome' | 'imported'> & {
  readonly counts: Pick<Manifest['counts'], 'sourceBytes' | 'archiveBytes'>;
  readonly archives: readonly { readonly dar: { readonly wallMs: number } }[];
};

/** Facts from all sealed backups of a basepath, in any order; null when there are none (pure). Imported ones cover nothing: a full is due as if they were not there. */
export function factsOf(backups: Iterable<SealedBackup>): BasepathFacts | null {
  const known = new Map([...backups].filter(({ imported }) => imported === undefined).map((backup) => [backup.backupId, backup]));
  const all = [...known.values()];
  const newest = latest(all);
  if (newest === null) return null;
  const fulls = all.filter(({ level }) => level === 'full');
  const full = latest(fulls);
  const other = latest(all.filter(({ level }) => level !== 'full'));
  const { backupId, level, capturedAt, outcome } = newest;
  return {
    backupId,
    level,
    capturedAt,
    outcome,
    sourceBytes: Number(newest.counts.sourceBytes),
    full: full === null ? null : { ...pickFull(full), first: fulls.length === 1 },
    chain: full === null ? { length: 0, archiveBytes: 0 } : chainFacts(full, known),
    other: other === null ? null : { archiveBytes: Number(other.counts.archiveBytes), slotMs: slotMs(other) },
  };
}

function pickFull(full: SealedBackup): Omit<NonNullable<BasepathFacts['full']>, 'first'> {
  const { backupId, capturedAt, counts } = full;
  return { backupId, capturedAt, sourceBytes: Number(counts.sourceBytes), archiveBytes: Number(counts.archiveBytes), slotMs: slotMs(full) };
}

function chainFacts(full: SealedBackup, known: ReadonlyMap<string, SealedBackup>): BasepathFacts['chain'] {
  const tip = latest([...known.values()].filter((backup) => fullIdOf(backup, known) === full.backupId));
  const onTop = tip === null ? [] : chainOf(tip, known).slice(1);
  return { length: onTop.length, archiveBytes: onTop.reduce((sum, { counts }) => sum + Number(counts.archiveBytes), 0) };
}

/** Shards run side by side in several slots, but a backup never takes less than one for as long as it lasts. */
function slotMs({ startedAt, sealedAt, archives }: SealedBackup): number {
  const dar = archives.reduce((sum, archive) => sum + archive.dar.wallMs, 0);
  return Math.max(dar, Date.parse(sealedAt) - Date.parse(startedAt), 0);
}

/** Of latest capture; of equal ones the newest id. */
function latest(backups: readonly SealedBackup[]): SealedBackup | null {
  const later = (a: SealedBackup, b: SealedBackup): SealedBackup => {
    const difference = Date.parse(b.capturedAt) - Date.parse(a.capturedAt);
    return difference > 0 || (difference === 0 && b.backupId > a.backupId) ? b : a;
  };
  return backups.length === 0 ? null : backups.reduce(later);
}
