import { Cursor } from '../../../shared/index/cursor.js';
import { recordKey } from '../../../shared/index/format.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { scan } from '../../../shared/index/scan.js';
import { findInState, readStateRecords, type StateLayer, type StateRecord } from '../../../shared/index/state.js';
import { bytePath, showPath, type BytePath } from '../../../shared/paths/byte-path.js';
import type { RestoreProblem } from '../../../shared/runs/restore-result.js';
import { differenceOf, type VerifyOptions } from './compare-records.js';

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
  const wanted = await Cursor.open<StateRecord>(paths.length === 0 ? readStateRecords(layers) : findInState(layers, paths));
  const there = await Cursor.open(await restoredRecords(target, tempDir, signal));
  const tally = new Tally();
  for (;;) {
    const [want, have] = [wanted.current, there.current];
    if (want === undefined && have === undefined) break;
    const order = compareKeys(want, have);
    if (order === 0 && want !== undefined && have !== undefined) tally.add(want, differenceOf(want, have, { owners: request.owners, racySince: request.racySince(want) }));
    else if (order < 0 && want !== undefined) tally.add(want, isExpectedAbsent(want) ? null : 'not restored');
    if (order <= 0) await wanted.advance();
    if (order >= 0) await there.advance();
  }
  return tally.verified();
}

async function restoredRecords(target: string, tempDir: string, signal: AbortSignal): Promise<AsyncIterable<IndexRecord[]>> {
  return (await scan({ root: bytePath.fromText(target), exclude: [], tempDir, allowEmpty: true, signal })).records;
}

/** A record without archive was never saved (a directory that could not be listed, say); the backup names it as an exception. */
function isExpectedAbsent(record: IndexRecord): boolean {
  return record.archive === '';
}

function compareKeys(want: IndexRecord | undefined, have: IndexRecord | undefined): number {
  if (want === undefined) return 1;
  if (have === undefined) return -1;
  const [a, b] = [recordKey(want), recordKey(have)];
  return a === b ? 0 : a < b ? -1 : 1;
}

class Tally {
  #looked = 0;
  #count = 0;
  readonly #listed: RestoreProblem[] = [];

  add(record: IndexRecord, problem: string | null): void {
    this.#looked += 1;
    if (problem === null) return;
    this.#count += 1;
    if (this.#listed.length < MAX_LISTED) this.#listed.push({ where: showPath(recordPath(record)), problem });
  }

  verified(): Verified {
    return { looked: this.#looked, problems: this.#listed, problemCount: this.#count };
  }
}
