import { Cursor } from '../../../shared/index/cursor.js';
import { keyLength, parseRecord, pathOfLine } from '../../../shared/index/format.js';
import { scan } from '../../../shared/index/scan.js';
import { findEntries, readState, stateRecord, type StateEntry, type StateLayer, type StateRecord } from '../../../shared/index/state.js';
import { bytePath, showPath, type BytePath } from '../../../shared/paths/byte-path.js';
import type { RestoreProblem } from '../../../shared/runs/restore-result.js';
import { agree, differenceOf, type VerifyOptions } from './compare-records.js';

export interface VerifyRequest {
  /** Of the chain of the backup. */
  readonly layers: readonly StateLayer[];
  /** Paths asked for; empty = everything. */
  readonly paths: readonly BytePath[];
  /** Absolute directory that was restored to. */
  readonly target: string;
  /** Directory of ours for what sorting puts aside. */
  readonly tempDir: string;
  readonly owners: VerifyOptions['owners'];
  /** See VerifyOptions; of each record, because every backup of a chain had a scan of its own. */
  readonly racySince: (record: StateRecord) => number;
  readonly signal: AbortSignal;
}

export interface Verified {
  /** Paths of the index that were looked for. */
  readonly looked: number;
  readonly problems: readonly RestoreProblem[];
  readonly problemCount: number;
}

/** Problems that are listed; all are counted. */
const MAX_LISTED = 1_000;

/**
 * Looks at what a restore made, path by path, against what the index says was backed up: both in one order, side by side. dar's
 * exit code and messages prove nothing either way (it complains about 255-byte names it restores well).
 */
export async function verifyRestored(request: VerifyRequest): Promise<Verified> {
  const { layers, paths, target, tempDir, signal } = request;
  const wanted = await Cursor.open<StateEntry>(paths.length === 0 ? readState(layers) : findEntries(layers, paths));
  const there = await Cursor.open((await scan({ root: bytePath.fromText(target), exclude: [], tempDir, allowEmpty: true, signal })).lines);
  const tally = new Tally();
  for (let want = wanted.current; want !== undefined; want = wanted.current) {
    const { line } = want;
    while (there.current !== undefined && isBefore(there.current, line)) {
      const moved = there.advance();
      if (moved !== undefined) await moved;
    }
    if (there.current === undefined || !isSameKey(there.current, line)) tally.add(line, isExpectedAbsent(line) ? null : 'not restored');
    else tally.add(line, agree(line, there.current) ? null : difference(request, want, there.current));
    const moved = wanted.advance();
    if (moved !== undefined) await moved;
  }
  await readToEnd(there);
  return tally.verified();
}

function difference({ layers, owners, racySince }: VerifyRequest, want: StateEntry, have: string): string | null {
  const record = stateRecord(layers, want);
  return differenceOf(record, parseRecord(have), { owners, racySince: racySince(record) });
}

/** A listing is to be read to its end: only there it is known to be whole. */
async function readToEnd(cursor: Cursor<string>): Promise<void> {
  while (cursor.current !== undefined) {
    const moved = cursor.advance();
    if (moved !== undefined) await moved;
  }
}

/** Lines are in the order of their keys, of which none is the beginning of another. */
function isBefore(have: string, want: string): boolean {
  return have < want && !isSameKey(have, want);
}

function isSameKey(have: string, want: string): boolean {
  return have.startsWith(want.slice(0, keyLength(want)));
}

/** A record without archive was never saved (a directory that could not be listed, say); the backup names it as an exception. */
function isExpectedAbsent(line: string): boolean {
  return line.endsWith(' -');
}

class Tally {
  #looked = 0;
  #count = 0;
  readonly #listed: RestoreProblem[] = [];

  add(line: string, problem: string | null): void {
    this.#looked += 1;
    if (problem === null) return;
    this.#count += 1;
    if (this.#listed.length < MAX_LISTED) this.#listed.push({ where: showPath(pathOfLine(line)), problem });
  }

  verified(): Verified {
    return { looked: this.#looked, problems: this.#listed, problemCount: this.#count };
  }
}
