import { keyLength, parseRecord } from './format.js';
import type { IndexRecord } from './record.js';
import { isTombstone } from './tombstone.js';

/** A sealed backup, as history needs it. */
export interface HistoryBackup {
  readonly backupId: string;
  readonly parent: string | null;
  /** ISO instant. */
  readonly capturedAt: string;
}

/**
 * saved: the backup holds it as it was · kept: it holds an older state, or one that is not wholly what was there (its flags say why) · removed: it was gone ·
 * absent: a full does not have it (gone, or excluded) · not-saved: it was there, and the backup names it as an exception without holding anything of it.
 */
export type VersionState = 'saved' | 'kept' | 'removed' | 'absent' | 'not-saved';

/** What consecutive backups say of one path. */
export interface PathVersion {
  readonly state: VersionState;
  /** Null when the backups do not hold it. */
  readonly record: IndexRecord | null;
  /** Numbers, in order of capture, of the first and the last of them. */
  readonly first: number;
  readonly last: number;
  /** Id of the backup whose archives hold the record; null without one. */
  readonly heldBy: string | null;
  /** Why it could not be saved as it was, from the exceptions of the first. */
  readonly reason: string | null;
}

/** The sealed backups of a basepath in order of capture, without those whose chain is not whole. */
export class BackupHistory<T extends HistoryBackup = HistoryBackup> {
  readonly backups: readonly T[];
  /** Left out: an ancestor is missing. */
  readonly broken: readonly T[];
  /** Number of the parent; -1 for a full. */
  readonly #parents: number[] = [];
  /** Number of the full of latest capture. */
  readonly newestFull: number;

  constructor(backups: Iterable<T>) {
    const whole: T[] = [];
    const broken: T[] = [];
    const numbers = new Map<string, number>();
    for (const backup of [...backups].sort(byCapture)) {
      const parent = backup.parent === null ? -1 : numbers.get(backup.parent);
      if (parent === undefined) {
        broken.push(backup);
        continue;
      }
      numbers.set(backup.backupId, whole.length);
      this.#parents.push(parent);
      whole.push(backup);
    }
    this.backups = whole;
    this.newestFull = this.#parents.lastIndexOf(-1);
    this.broken = broken;
  }

  isFull(number: number): boolean {
    return this.#parents[number] === -1;
  }

  /**
   * The versions of one path, oldest first (pure); none before the first backup that knows it. `lines`: what the index of each backup says of it, by number.
   * `reasons`: why it is an exception of a backup, by number.
   */
  versions(lines: ReadonlyMap<number, string>, reasons: ReadonlyMap<number, string> = new Map()): PathVersion[] {
    const said: Said[] = [];
    const versions: { -readonly [K in keyof PathVersion]: PathVersion[K] }[] = [];
    for (let number = 0; number < this.backups.length; number++) {
      const now = this.#saidOf(number, lines.get(number), said);
      said.push(now);
      const reason = reasons.get(number) ?? null;
      const before = versions.at(-1);
      if (before === undefined && now.line === null && reason === null) continue;
      // The very same line most of the time: nothing to be parsed then.
      if (before !== undefined && now === said[number - 1] && reason === before.reason) {
        before.last = number;
        continue;
      }
      const next = versionOf(now, number, reason, now.line === null ? null : this.#holder(now.line, now.from));
      if (before !== undefined && sameVersion(before, next)) before.last = number;
      else versions.push(next);
    }
    return versions;
  }

  /** Whether anything can have become of a path since the backup of this number: what was said of it before is no news. */
  mayHaveNews(lines: ReadonlyMap<number, string>, since: number): boolean {
    if (since <= 0 || this.newestFull >= since) return true;
    for (const number of lines.keys()) if (number >= since) return true;
    return false;
  }

  #saidOf(number: number, line: string | undefined, said: readonly Said[]): Said {
    if (line !== undefined) return isTombstone(line) ? { line: null, from: number, removed: true } : { line, from: number, removed: false };
    const parent = this.#parents[number] ?? -1;
    return said[parent] ?? UNKNOWN;
  }

  #holder(line: string, from: number): string {
    const at = line.lastIndexOf('@');
    return at > line.lastIndexOf(' ') ? line.slice(at + 1) : (this.backups[from]?.backupId ?? '');
  }
}

/** The record in the state of a backup, and the number of the backup whose index has it. */
interface Said {
  readonly line: string | null;
  readonly from: number;
  /** Without a record: said to be gone, not just unknown. */
  readonly removed: boolean;
}

const UNKNOWN: Said = { line: null, from: -1, removed: false };

function byCapture(a: HistoryBackup, b: HistoryBackup): number {
  return Date.parse(a.capturedAt) - Date.parse(b.capturedAt) || (a.backupId < b.backupId ? -1 : 1);
}

function versionOf({ line, removed }: Said, number: number, reason: string | null, heldBy: string | null): PathVersion {
  const place = { first: number, last: number, reason };
  if (line === null) return { ...place, state: reason !== null ? 'not-saved' : removed ? 'removed' : 'absent', record: null, heldBy: null };
  const record = parseRecord(line);
  const held = record.archive !== '';
  const state = !held ? 'not-saved' : record.flags === '' ? 'saved' : 'kept';
  return { ...place, state, record, heldBy: held ? heldBy : null };
}

/** Gone is gone, whether it is said once more or not; a record is another one when anything of it but its place differs. */
function sameVersion(a: PathVersion, b: PathVersion): boolean {
  if (a.reason !== b.reason) return false;
  if (a.record === null || b.record === null) return a.record === b.record && (a.state === b.state || (a.state !== 'not-saved' && b.state !== 'not-saved'));
  const [one, other] = [a.record, b.record];
  return COMPARED.every((field) => one[field] === other[field]);
}

const COMPARED = ['type', 'size', 'mtime', 'ctime', 'mode', 'uid', 'gid', 'flags'] as const satisfies readonly (keyof IndexRecord)[];

/** The path's key, without the fields behind it. */
export function keyOfLine(line: string): string {
  return line.slice(0, keyLength(line));
}
