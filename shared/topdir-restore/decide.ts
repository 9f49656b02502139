import type { RecordOf } from '../journal/record.js';
import type { RestoreOnRecord } from '../runs/restores-on-record.js';

export interface Known {
  readonly basepathId: string;
  /** Of the plan. */
  readonly backupId: string;
  /** The newest restore into the basepath's directory, by the journal; null: none. */
  readonly earlier: RestoreOnRecord | null;
  /** A restore of it that waits or runs; null: none. */
  readonly running: { readonly restoreId: string; readonly backupId: string } | null;
  /** Inode of the directory, decimal; null: there is none. */
  readonly directory: string | null;
  /** When this restore of the topdir first began, ISO. */
  readonly since: string;
}

/**
 * done: the record says so, and the directory is still the one · wait: it goes on by itself · resume: what an earlier start left is kept · begin: from nothing (or refused, where something
 * else is in its directory).
 */
export type Decision =
  | { readonly do: 'done'; readonly restoreId: string; readonly backupId: string; readonly outcome: 'clean' | 'with-exceptions'; readonly bytes: number }
  | { readonly do: 'wait'; readonly restoreId: string; readonly backupId: string }
  | { readonly do: 'resume'; readonly backupId: string; readonly origin: string }
  | { readonly do: 'begin'; readonly backupId: string };

/** What is to do of one basepath of a topdir that is being restored, at the first start as well as at every later one (pure). */
export function decide({ basepathId, backupId, earlier, running, directory, since }: Known): Decision {
  if (running !== null) return { do: 'wait', ...running };
  if (earlier === null || earlier.begun.basepathId !== basepathId || directory !== earlier.begun.directory || !isOurs(earlier.begun, backupId, since)) return { do: 'begin', backupId };
  const { begun, outcome, bytes } = earlier;
  if (outcome === 'clean' || outcome === 'with-exceptions') return { do: 'done', restoreId: begun.restoreId, backupId: begun.backupId, outcome, bytes: Number(bytes) };
  return { do: 'resume', backupId: begun.backupId, origin: begun.origin };
}

/** What an earlier start chose stays, though a backup sealed since would be chosen today. */
function isOurs(begun: RecordOf<'restore-begun'>, backupId: string, since: string): boolean {
  return begun.backupId === backupId || begun.at >= since;
}
