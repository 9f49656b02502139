import { ancestorsOf } from '../paths/ancestors.js';
import type { BytePath } from '../paths/byte-path.js';
import { awkwardUnit } from './awkward.js';
import { decide, isPartner, RETRY_FLAGS, settledFlags, type Decision, type Mismatch } from './classify.js';
import { hasLostTime } from './compare-entry.js';
import { examinePaths } from './examine-paths.js';
import type { ExceptionLog } from './exceptions.js';
import { formatRecord, parseRecord } from './format.js';
import { joinEntries, removeParents } from './join-entries.js';
import { LineWriter, readCompleteLines } from './line-file.js';
import { LineSorter } from './line-sorter.js';
import type { SettledFile } from './merge-newest.js';
import type { ArchiveContent, ReconcilerOptions, RoundResult } from './reconcile.js';
import { recordPath, type IndexRecord } from './record.js';
import { entryLine, type EntryFacts } from './saved-entry.js';
import { writeSorted } from './sorted-file.js';
import { isHardLinked } from './tally.js';
import { otherTypeGone } from './tombstone.js';

export interface RoundOptions extends ReconcilerOptions, ArchiveContent {
  /** What the archive was to save. */
  readonly listed: { readonly recordsFile: string; readonly sorted: boolean };
  readonly files: RoundFiles;
  readonly exceptions: ExceptionLog;
  readonly counts: { vanished: number; changedThenSaved: number };
}

/**
 * settled: what was saved as listed · late: what its examination settled · held: what of that earlier archives hold · retyped: tombstones of these paths as what
 * they are not · retry: what the next archive should save.
 */
export type RoundFiles = Readonly<Record<'settled' | 'late' | 'held' | 'retyped' | 'retry', string>>;

export function roundFiles(prefix: string): RoundFiles {
  return { settled: `${prefix}.settled`, late: `${prefix}.late`, held: `${prefix}.held`, retyped: `${prefix}.retyped`, retry: `${prefix}.retry` };
}

export interface RoundOutcome extends RoundResult {
  readonly settled: readonly SettledFile[];
}

const EXAMINE_BATCH = 1000;
const NAMED_UNLISTED = 20;
/** Beyond this the archive is not worth a closer look. */
const MAX_STRANGERS = 10_000;

/** One archive compared with what it was to save. */
export class Round {
  readonly #options: RoundOptions;
  readonly #settled: LineWriter;
  readonly #late: LineSorter;
  readonly #retyped: LineSorter;
  readonly #retry: LineSorter;
  #examine: Mismatch[] = [];
  #lateSaved = 0;
  /** Directories in the archive that were not listed: fine if they lead to something that was. */
  readonly #passages = new Set<BytePath>();
  /**
   * Other entries that were not listed. They spoil the archive, also where they stand in place of a listed directory: whoever replays archives
   * loses what older ones, or those of other shards, hold below it (dar 2.7.8 also leaves out owner, mode and times of what replaces a directory).
   */
  readonly #strangers = new Map<BytePath, EntryFacts>();
  /** Of the strangers those at or below a name that needs `-g`, which brings all that is there: they are none, unless they stand in place of a listed directory. */
  readonly #awkward = new Map<BytePath, EntryFacts>();
  /** Listed directories that are not in the archive as such. */
  readonly #missingDirectories = new Map<BytePath, IndexRecord>();
  /** Inodes of hard-linked files that must be saved again, all names of each. */
  readonly #inodes = new Set<string>();
  readonly #suspects = new Set<BytePath>();
  /** Saved in another state than the scanned one, or as something else. */
  readonly #modified = new Set<BytePath>();
  readonly #lostTimes: IndexRecord[] = [];
  #changedThenSaved = 0;

  private constructor(options: RoundOptions, settled: LineWriter) {
    this.#options = options;
    this.#settled = settled;
    this.#late = this.#sorter();
    this.#retyped = this.#sorter();
    this.#retry = this.#sorter();
  }

  static async run(options: RoundOptions): Promise<RoundOutcome> {
    const settled = await LineWriter.create(options.files.settled);
    const round = new Round(options, settled);
    try {
      return await round.#run();
    } finally {
      await settled.close();
      for (const sorter of [round.#late, round.#retyped, round.#retry]) sorter.abandon();
    }
  }

  async #run(): Promise<RoundOutcome> {
    await joinEntries(this.#listedLines(), this.#entryLines(), {
      saved: (record, line) => { this.#saved(record, line); },
      savedPlain: (line) => { this.#settled.add(`${line.slice(0, -1)}${this.#options.archiveKey}`); },
      mismatch: (mismatch) => this.#mismatch(mismatch),
      drain: () => this.#drain(),
    });
    await this.#pairChangedTypes();
    await this.#examineNow();
    if (this.#passages.size > 0) await removeParents(this.#listedLines(), this.#passages);
    const settled = await this.#endSettled();
    const unlisted = [...this.#strangers.keys(), ...this.#passages];
    if (unlisted.length > 0) return this.#refuse(unlisted.slice(0, NAMED_UNLISTED));
    if (this.#inodes.size + this.#suspects.size > 0) await this.#takeBackAffected();
    const { counts, exceptions } = this.#options;
    counts.changedThenSaved += this.#changedThenSaved;
    for (const record of this.#lostTimes) exceptions.add(lostTime(record));
    await exceptions.drain();
    return { accepted: true, unlisted: [], saved: this.#settled.lines + this.#lateSaved, retry: await this.#writeRetry(), settled };
  }

  /** The archive does not count: what it would have saved is to be saved again. What is over all the same, as it vanished, is as earlier archives hold it. */
  async #refuse(unlisted: readonly BytePath[]): Promise<RoundOutcome> {
    await this.#takeAllBack();
    const retry = await this.#writeRetry((line) => this.#forget(line));
    return { accepted: false, unlisted, saved: 0, retry, settled: await this.#heldBefore() };
  }

  async #heldBefore(): Promise<SettledFile[]> {
    if (this.#late.lines === 0) return [];
    const { files, archiveKey } = this.#options;
    const [held, retyped] = [this.#sorter(), this.#sorter()];
    let saved = 0;
    try {
      for await (const lines of readCompleteLines(files.late)) {
        for (const record of lines.map(parseRecord)) {
          if (record.archive === archiveKey) continue;
          held.add(formatRecord(record));
          retyped.add(otherTypeGone(record));
          if (!record.flags.includes('x')) saved += 1;
        }
        await held.drain();
        await retyped.drain();
      }
      if (held.lines === 0) return [];
      return [{ ...(await writeSorted(retyped, files.retyped)), saved: 0 }, { ...(await writeSorted(held, files.held)), saved }];
    } finally {
      held.abandon();
      retyped.abandon();
    }
  }

  /** Of two lines of one path that of the later file counts. */
  async #endSettled(): Promise<SettledFile[]> {
    const { files } = this.#options;
    await this.#settled.end();
    const settled: SettledFile[] = [{ file: files.settled, records: this.#settled.lines, saved: this.#settled.lines }];
    if (this.#retyped.lines > 0) settled.unshift({ ...(await writeSorted(this.#retyped, files.retyped)), saved: 0 });
    if (this.#late.lines > 0) settled.push({ ...(await writeSorted(this.#late, files.late)), saved: this.#lateSaved });
    return settled;
  }

  /** Works on the line: only flags and archive, its last fields, change. */
  #saved(record: IndexRecord, line: string): void {
    const { archiveKey } = this.#options;
    const flags = settledFlags(record);
    const end = line.lastIndexOf(' ', line.lastIndexOf(' ') - 1);
    this.#settled.add(`${line.slice(0, end)} ${flags === '' ? '-' : flags} ${archiveKey}`);
    if (record.flags.includes(RETRY_FLAGS.modified)) {
      this.#changedThenSaved += 1;
      this.#modified.add(recordPath(record));
      this.#retyped.add(otherTypeGone(record));
    }
    if (hasLostTime(record) && !isPartner(record)) this.#lostTimes.push(record);
  }

  #mismatch(mismatch: Mismatch): Promise<void> | undefined {
    const { record, entry, path } = mismatch;
    if (record === null && entry !== null && awkwardUnit(path) === null) this.#unlisted(path, entry);
    else if (record === null && entry !== null && entry.type !== 'd' && this.#awkward.size < MAX_STRANGERS) this.#awkward.set(path, entry);
    else if (record !== null && entry === null && this.#options.interrupted === true) this.#again(record);
    else if (record?.type === 'd' && entry === null) this.#missingDirectories.set(path, record);
    else this.#examine.push(mismatch);
    return this.#examine.length >= EXAMINE_BATCH ? this.#examineNow() : undefined;
  }

  #unlisted(path: BytePath, entry: EntryFacts): void {
    if (entry.type === 'd' && entry.stored) this.#passages.add(path);
    else if (this.#strangers.size < MAX_STRANGERS) this.#strangers.set(path, entry);
  }

  /** A directory that became something else stands at another place of the order: record and entry are brought together. */
  async #pairChangedTypes(): Promise<void> {
    for (const [path, record] of this.#missingDirectories) {
      const entry = this.#strangers.get(path) ?? this.#awkward.get(path) ?? null;
      if (entry !== null) this.#strangers.set(path, entry);
      this.#awkward.delete(path);
      this.#examine.push({ path, record, entry, comparison: entry === null ? 'missing' : 'type' });
      if (this.#examine.length >= EXAMINE_BATCH) await this.#examineNow();
    }
    for (const [path, entry] of this.#awkward) {
      this.#examine.push({ path, record: null, entry, comparison: 'unlisted' });
      if (this.#examine.length >= EXAMINE_BATCH) await this.#examineNow();
    }
  }

  async #examineNow(): Promise<void> {
    const mismatches = this.#examine;
    this.#examine = [];
    const states = await examinePaths(this.#options, mismatches.map(({ path }) => path));
    for (const [i, state] of states.entries()) {
      const mismatch = mismatches[i] as Mismatch;
      const message = mismatch.entry === null ? (this.#options.messageFor?.(mismatch.path) ?? null) : null;
      const { archiveKey, hasParent } = this.#options;
      this.#apply(mismatch, decide(mismatch, { archiveKey, hasParent, state, message }));
    }
    await this.#drain();
  }

  #apply({ record, path }: Mismatch, decision: Decision): void {
    const { counts, exceptions } = this.#options;
    if (decision.vanished) counts.vanished += 1;
    if (decision.changedThenSaved) {
      this.#changedThenSaved += 1;
      this.#modified.add(path);
    }
    if (decision.exception !== null) exceptions.add({ path, ...decision.exception });
    if (decision.suspect) this.#suspects.add(path);
    if (decision.settle !== null) this.#settleLate(decision.settle, decision.exception === null && !decision.vanished);
    if (decision.retry === null) return;
    this.#again(decision.retry);
    if (record !== null && isHardLinked(record)) this.#inodes.add(record.inode);
  }

  #settleLate(record: IndexRecord, isSaved: boolean): void {
    this.#late.add(formatRecord(record));
    this.#retyped.add(otherTypeGone(record));
    if (!record.flags.includes('x')) this.#lateSaved += 1;
    if (isSaved && hasLostTime(record)) this.#lostTimes.push(record);
  }

  #again(record: IndexRecord): void {
    this.#retry.add(formatRecord(record));
    if (isHardLinked(record)) this.#inodes.add(record.inode);
  }

  async #takeAllBack(): Promise<void> {
    await this.#eachSettled((record) => {
      const modified = this.#modified.has(recordPath(record)) ? RETRY_FLAGS.modified : '';
      this.#retry.add(formatRecord({ ...record, archive: '', flags: `${record.flags.includes('u') ? 'u' : ''}${modified}` }));
    });
  }

  /** All names of an inode must be in one archive; what lies below a directory that was perhaps another one is not proven. */
  async #takeBackAffected(): Promise<void> {
    await this.#eachSettled((record) => {
      const unlisted = record.flags.includes('u') ? 'u' : '';
      if (isBelow(recordPath(record), this.#suspects)) this.#retry.add(formatRecord({ ...record, flags: `${unlisted}x` }));
      else if (record.type !== 'd' && this.#inodes.has(record.inode)) {
        this.#retry.add(formatRecord({ ...record, flags: `${unlisted}${RETRY_FLAGS.partner}` }));
      }
    });
  }

  /** The records this round settled as saved. */
  async #eachSettled(use: (record: IndexRecord) => void): Promise<void> {
    const { files } = this.#options;
    for (const file of this.#late.lines > 0 ? [files.settled, files.late] : [files.settled]) {
      for await (const lines of readCompleteLines(file)) {
        for (const record of lines.map(parseRecord)) if (!/[xc]/.test(record.flags)) use(record);
        await this.#retry.drain();
      }
    }
  }

  async #writeRetry(change?: (line: string) => string): Promise<RoundResult['retry']> {
    if (this.#retry.lines === 0) return null;
    const { file, records } = await writeSorted(this.#retry, this.#options.files.retry, change);
    return { recordsFile: file, records };
  }

  /** A record of the retry list as if the archive of this round did not exist. */
  #forget(line: string): string {
    const record = parseRecord(line);
    if (record.archive !== this.#options.archiveKey) return line;
    return formatRecord({ ...record, archive: '', flags: record.flags.replace(/[xc]/g, '') });
  }

  async #drain(): Promise<void> {
    await this.#settled.drain();
    await this.#late.drain();
    await this.#retyped.drain();
    await this.#retry.drain();
    await this.#options.exceptions.drain();
  }

  async *#entryLines(): AsyncGenerator<string[], void> {
    const sorter = this.#sorter();
    try {
      for await (const entries of this.#options.entries) {
        for (const entry of entries) sorter.add(entryLine(entry));
        await sorter.drain();
      }
      yield* sorter.sorted();
    } finally {
      sorter.abandon();
    }
  }

  async *#listedLines(): AsyncGenerator<string[], void> {
    const { recordsFile, sorted } = this.#options.listed;
    if (sorted) {
      yield* readCompleteLines(recordsFile);
      return;
    }
    const sorter = this.#sorter();
    try {
      for await (const lines of readCompleteLines(recordsFile)) {
        for (const line of lines) sorter.add(line);
        await sorter.drain();
      }
      yield* sorter.sorted();
    } finally {
      sorter.abandon();
    }
  }

  #sorter(): LineSorter {
    const { workDir, signal } = this.#options;
    return new LineSorter({ tempDir: workDir, ...(signal === undefined ? {} : { signal }) });
  }
}

function lostTime(record: IndexRecord): { path: BytePath; reason: 'mtime before 1970 is not kept'; detail: string } {
  return { path: recordPath(record), reason: 'mtime before 1970 is not kept', detail: `${record.mtime} is saved as 0` };
}

function isBelow(path: BytePath, directories: ReadonlySet<string>): boolean {
  return directories.size > 0 && ancestorsOf(path).some((above) => directories.has(above));
}
