import { compareEntry, hasLostTime, sameState, wentThrough, type Comparison } from './compare-entry.js';
import type { BytePath } from '../paths/byte-path.js';
import type { ExceptionReason } from './exceptions.js';
import type { PathState } from './examine-paths.js';
import { splitPath } from './format.js';
import { recordPath, type IndexRecord } from './record.js';
import type { EntryFacts } from './saved-entry.js';

/**
 * Flags of records in a retry list, besides the index's own: m its state is not the scanned one · p saved already,
 * repeated only because another name of its inode is. `x` and `c` say what the archive it names holds.
 */
export const RETRY_FLAGS = { modified: 'm', partner: 'p' } as const;

/** A record whose path is not in the archive as it was meant, or an entry nobody meant (record null). */
export interface Mismatch {
  readonly path: BytePath;
  readonly record: IndexRecord | null;
  readonly entry: EntryFacts | null;
  readonly comparison: Comparison | 'missing' | 'unlisted';
}

export interface Situation {
  readonly archiveKey: string;
  /** Whether the chain may hold something of the path, and below it. */
  readonly hasParent: boolean;
  /** What is at the path now. */
  readonly state: PathState;
  /** What dar said about the path, null if nothing. */
  readonly message: string | null;
}

export interface Decision {
  /** Goes into the index: what the archives hold of the path. */
  readonly settle: IndexRecord | null;
  /** Goes into the next list. */
  readonly retry: IndexRecord | null;
  readonly exception: { readonly reason: ExceptionReason; readonly detail: string } | null;
  readonly vanished: boolean;
  readonly changedThenSaved: boolean;
  /** A directory that may have been another one when dar read it: nothing below it is proven. */
  readonly suspect: boolean;
}

const NOTHING: Decision = { settle: null, retry: null, exception: null, vanished: false, changedThenSaved: false, suspect: false };

/** What follows from a mismatch (pure). The index describes what the archives hold: what none holds has no record. */
export function decide(mismatch: Mismatch, situation: Situation): Decision {
  const { record } = mismatch;
  const { state } = situation;
  if (record === null) return decideUnlisted(mismatch.path, mismatch.entry as EntryFacts, situation);
  if (isPartner(record) && mismatch.entry === null) return state.kind === 'there' ? { ...NOTHING, retry: record } : NOTHING;
  if (state.kind === 'gone') return { ...NOTHING, vanished: true, settle: held(mismatch, record, situation) };
  if (state.kind === 'unknown') {
    return { ...NOTHING, settle: held(mismatch, record, situation), exception: { reason: 'could not be examined', detail: state.reason } };
  }
  return decidePresent(mismatch, record, state.record, situation);
}

function decidePresent(mismatch: Mismatch, record: IndexRecord, now: IndexRecord, situation: Situation): Decision {
  const { entry } = mismatch;
  // Of what the chain holds below it only a comparison of states can tell that it is gone: the next backup's.
  if (situation.hasParent && record.type === 'd' && now.type !== 'd') return { ...NOTHING, settle: held(mismatch, record, situation), exception: NO_DIRECTORY };
  const live = { ...now, flags: keptFlags(record, now) };
  const suspect = isSuspect(record, entry, now);
  if (entry !== null && entry.stored && !entry.dirty) {
    const saved = stateSaved(record, entry, live);
    if (saved !== null) return { ...NOTHING, settle: settled(saved, situation.archiveKey), changedThenSaved: true, suspect };
  }
  if (entry === null && situation.message !== null) {
    return { ...NOTHING, settle: held(mismatch, record, situation), exception: { reason: 'not saved', detail: situation.message } };
  }
  return { ...NOTHING, retry: retryRecord(mismatch, record, live, situation), suspect };
}

const NO_DIRECTORY = { reason: 'changed during the backup', detail: 'it was a directory and became something else: the next backup saves it as what it is' } as const;

/**
 * The record of what the archive holds, if that is a state the path really had: the one it has now, or one it went
 * through since the scan (a log that grows all the time is saved, not an exception).
 */
function stateSaved(record: IndexRecord, entry: EntryFacts, live: IndexRecord): IndexRecord | null {
  if (compareEntry(live, entry) === 'same') return live;
  if (!wentThrough(record, entry, live)) return null;
  return { ...live, size: live.type === 'f' ? entry.size : live.size, mtime: entry.mtime, ctime: entry.ctime };
}

/** Fit for what dar took below it: only if what it found there was this directory. */
function isSuspect(record: IndexRecord, entry: EntryFacts | null, now: IndexRecord): boolean {
  if (record.type !== 'd' || entry?.type !== 'd') return false;
  const sameNow = compareEntry(now, entry) === 'same';
  return now.inode !== record.inode || !(sameNow || wentThrough(record, entry, now));
}

/** A name below one that needed `-g`, made after the scan: it is in the archive, so it is in the index. */
function decideUnlisted(path: BytePath, entry: EntryFacts, { state, archiveKey }: Situation): Decision {
  if (!entry.stored) return NOTHING;
  const record = state.kind === 'there' ? state.record : recordOfEntry(path, entry);
  const same = state.kind === 'there' && compareEntry(record, { ...entry, dirty: false }) === 'same';
  return { ...NOTHING, settle: settled(record, archiveKey, entry.dirty ? 'c' : same ? '' : 'x') };
}

/** All that is known of a path that only the archive has. */
function recordOfEntry(path: BytePath, { type, size, mtime, ctime }: EntryFacts): IndexRecord {
  const unknown = { inode: '0:0', nlink: 1, mode: '0', uid: '0', gid: '0', blocks: '0', flags: '', archive: '' };
  return { ...splitPath(path, type), type, size: size === '' ? '0' : size, mtime, ctime, ...unknown };
}

function retryRecord(mismatch: Mismatch, record: IndexRecord, live: IndexRecord, situation: Situation): IndexRecord {
  const holding = held(mismatch, record, situation);
  const modified = record.flags.includes(RETRY_FLAGS.modified) || !sameState(record, live);
  const state = holding === null ? '' : holding.flags.replace(/[^xc]/g, '');
  return { ...live, archive: holding?.archive ?? '', flags: `${live.flags}${state}${modified ? RETRY_FLAGS.modified : ''}` };
}

/** The record as the newest archive that holds anything of the path has it, flagged; null if none does. One with something else in place of a directory does not count. */
function held({ entry }: Mismatch, record: IndexRecord, { archiveKey }: Situation): IndexRecord | null {
  if (entry?.stored === true && (entry.type === 'd' || record.type !== 'd')) return settled(asSaved(record, entry), archiveKey, entry.dirty ? 'c' : 'x');
  return record.archive === '' ? null : settled(record, record.archive, heldFlag(record));
}

function asSaved(record: IndexRecord, entry: EntryFacts): IndexRecord {
  const place = splitPath(recordPath(record), entry.type);
  return { ...record, ...place, type: entry.type, size: entry.type === 'f' ? entry.size : record.size, mtime: entry.mtime, ctime: entry.ctime };
}

/** A record as it goes into the index. */
export function settled(record: IndexRecord, archive: string, flag = ''): IndexRecord {
  return { ...record, archive, flags: settledFlags(record, flag) };
}

export function settledFlags(record: Pick<IndexRecord, 'flags' | 'mtime'>, flag = ''): string {
  return `${flag}${record.flags.includes('u') ? 'u' : ''}${hasLostTime(record) ? 't' : ''}`;
}

/** How a record in a retry list is held by the archive it names: c dirty, x in another state. */
export function heldFlag(record: Pick<IndexRecord, 'flags'>): 'c' | 'x' {
  return record.flags.includes('c') ? 'c' : 'x';
}

export function isPartner(record: Pick<IndexRecord, 'flags'>): boolean {
  return record.flags.includes(RETRY_FLAGS.partner);
}

function keptFlags(record: IndexRecord, now: IndexRecord): string {
  return record.flags.includes('u') && now.type === 'd' ? 'u' : '';
}
