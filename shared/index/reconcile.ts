import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from '../files/remove-file.js';
import type { BytePath } from '../paths/byte-path.js';
import { heldFlag, isPartner, settled } from './classify.js';
import { ExceptionLog, type IndexException } from './exceptions.js';
import { formatRecord } from './format.js';
import { LineWriter, readRecordFile } from './line-file.js';
import { mergeNewest, type SettledFile } from './merge-newest.js';
import { recordPath, type IndexRecord } from './record.js';
import { Round, roundFiles } from './round.js';
import type { SavedEntry } from './saved-entry.js';
import { isHardLinked, Tally } from './tally.js';

export interface ReconcilerOptions {
  /** Absolute path that dar read. */
  readonly root: BytePath;
  /** Of the planned shard. */
  readonly recordsFile: string;
  readonly sorted: boolean;
  /** Whether the outcome becomes part of a difference: then it may hold tombstones. */
  readonly hasParent: boolean;
  /** Directory of ours for all files made here. */
  readonly workDir: string;
  /** What their names begin with, such as `shard-0001.t2-x7kq`: two starts of a shard must differ. */
  readonly name: string;
  /** What earlier starts of the shard have settled: counts where the archives of this one say nothing. */
  readonly earlier?: SettledFile;
  readonly signal?: AbortSignal;
  readonly examineTimeoutMs?: number;
}

export interface ArchiveContent {
  /** `SHARD.SEGMENT`. */
  readonly archiveKey: string;
  /** Its catalogue, in any order. */
  readonly entries: AsyncIterable<readonly SavedEntry[]>;
  /** What dar said about a path, null if nothing: such a path is an exception at once, not tried again. */
  readonly messageFor?: (path: BytePath) => string | null;
  /** dar was stopped early: what is missing was just not reached, and is not examined. */
  readonly interrupted?: boolean;
}

export interface RoundResult {
  /**
   * False: the archive holds something nobody listed, such as a symbolic link in place of a directory that was listed or lies above listed paths. It
   * would spoil a restore: throw it away (no manifest may name it) and make another one from `retry`.
   */
  readonly accepted: boolean;
  /** The first few paths that should not be in the archive. */
  readonly unlisted: readonly BytePath[];
  /** Records whose state the archive holds. */
  readonly saved: number;
  /** What the next archive should save; null when nothing is left. In `workDir`, sorted, with end record. */
  readonly retry: { readonly recordsFile: string; readonly records: number } | null;
}

export interface ShardOutcome {
  /** Sorted records as saved, with archive keys and flags, and an end record. */
  readonly settledFile: string;
  /** NDJSON; null when there are none. */
  readonly exceptionsFile: string | null;
  /** Lines of settledFile. */
  readonly settledRecords: number;
  /** saved: with what earlier starts have settled; the others without. */
  readonly counts: { readonly saved: number; readonly vanished: number; readonly changedThenSaved: number; readonly exceptions: number };
}

/** What another start goes on with. */
export interface SuspendedShard extends ShardOutcome {
  /** What is still to be saved: sorted, with end record. `bytes`: of contents, approximately where names of an inode are among it. */
  readonly left: { readonly recordsFile: string; readonly records: number; readonly bytes: bigint };
}

/**
 * Proves which records of a shard its archives hold: call addArchive for each archive of the shard, in order, with what
 * the one before left to retry; then finish, whether or not something is left. Then close, also after an error.
 */
export class ShardReconciler {
  readonly #options: ReconcilerOptions;
  readonly #exceptions: ExceptionLog;
  readonly #counts = { vanished: 0, changedThenSaved: 0 };
  /** Sorted files of settled records, oldest first: of several records of a path the last one counts. */
  readonly #settled: SettledFile[] = [];
  readonly #made: string[] = [];
  #left: { readonly recordsFile: string; readonly sorted: boolean } | null;
  #rounds = 0;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#exceptions = new ExceptionLog(this.#file('exceptions'));
    this.#left = options;
    if (options.earlier !== undefined) this.#settled.push({ ...options.earlier, shared: true });
  }

  /** Throws INDEX_DAMAGED, SORT_FAILED, SOURCE_HUNG, EXAMINE_FAILED, and what `entries` throws. */
  async addArchive(archive: ArchiveContent): Promise<RoundResult> {
    if (this.#left === null) throw new RangeError('nothing was left to save');
    this.#rounds += 1;
    const files = roundFiles(this.#file(`r${this.#rounds}`));
    this.#made.push(...Object.values(files));
    const { settled: settledFiles, ...result } = await Round.run({
      ...this.#options,
      ...archive,
      files,
      listed: this.#left,
      exceptions: this.#exceptions,
      counts: this.#counts,
    });
    this.#settled.push(...settledFiles);
    this.#left = result.retry === null ? null : { ...result.retry, sorted: true };
    return result;
  }

  /** What is still left to retry becomes exceptions. */
  async finish(): Promise<ShardOutcome> {
    if (this.#rounds === 0) throw new RangeError('no archive was added');
    if (this.#left !== null) await this.#giveUp(this.#left.recordsFile);
    return this.#outcome(await this.#mergeSettled());
  }

  /** Instead of finish, when another start is to go on: nothing is given up. */
  async suspend(): Promise<SuspendedShard> {
    if (this.#rounds === 0) throw new RangeError('no archive was added');
    const recordsFile = this.#file('left');
    if (this.#left === null) await (await LineWriter.create(recordsFile)).end();
    else await rename(this.#left.recordsFile, recordsFile);
    const settled = await this.#mergeSettled();
    const tally = new Tally();
    for await (const records of readRecordFile(recordsFile)) for (const record of records) tally.add(record, isHardLinked(record) ? record.nlink : 1);
    const left = { recordsFile, records: tally.records, bytes: tally.bytes.total };
    return { ...(await this.#outcome(settled)), left };
  }

  /** Removes work files; the outcome's files stay. */
  async close(): Promise<void> {
    await this.#exceptions.close();
    for (const file of this.#made) await removeFile(file);
  }

  #mergeSettled(): ReturnType<typeof mergeNewest> {
    return mergeNewest(this.#settled, this.#file('settled'), { tombstones: this.#options.hasParent });
  }

  async #outcome({ records, saved }: Pick<SettledFile, 'records' | 'saved'>): Promise<ShardOutcome> {
    const exceptionsFile = await this.#exceptions.close();
    return { settledFile: this.#file('settled'), settledRecords: records, exceptionsFile, counts: { saved, ...this.#counts, exceptions: this.#exceptions.count } };
  }

  async #giveUp(recordsFile: string): Promise<void> {
    const last = await LineWriter.create(this.#file('given-up'));
    this.#made.push(last.file);
    let saved = 0;
    for await (const records of readRecordFile(recordsFile)) {
      for (const record of records.filter((candidate) => !isPartner(candidate))) {
        this.#exceptions.add({ path: recordPath(record), ...reasonOf(record) });
        if (record.archive === '') continue;
        last.add(formatRecord(settled(record, record.archive, heldFlag(record))));
        if (heldFlag(record) === 'c') saved += 1;
      }
      await last.drain();
      await this.#exceptions.drain();
    }
    await last.end();
    this.#settled.push({ file: last.file, records: last.lines, saved });
  }

  #file(suffix: string): string {
    return join(this.#options.workDir, `${this.#options.name}.${suffix}`);
  }
}

function reasonOf(record: IndexRecord): Pick<IndexException, 'reason' | 'detail'> {
  if (record.archive === '') return { reason: 'not saved', detail: 'no archive holds it, though it was listed and is there' };
  if (heldFlag(record) === 'c') return { reason: 'changed while read', detail: `archive ${record.archive} holds it with content of more than one moment` };
  return { reason: 'changed during the backup', detail: `archive ${record.archive} holds another state of it` };
}
