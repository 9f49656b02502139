/** Who goes first where there is not room for all. */
export interface Rank {
  /** Has waited so long that it goes before every class. */
  readonly overdue: boolean;
  /** Priority of its backup, lower first. */
  readonly priority: number;
  /** When it came, ms. */
  readonly since: number;
}

/** A dar that writes, or waits to. */
export interface Writer {
  readonly id: string;
  readonly rank: Rank;
  /** Whether dar was started: it is given its first room before. */
  readonly started: boolean;
  readonly sliceBytes: number;
  /** What its whole archive will probably take; Infinity where that is more than a slice. Such a small one stays until it is complete and its catalogue was read. */
  readonly expectedBytes: number;
  /** Of all its slices, also those that are away. */
  readonly written: number;
  /** Up to here it was let write: the end of a slice; 0: it has no room. */
  readonly until: number;
  /** What may come on top before it is stopped: a dar is looked at, not asked. */
  readonly slack: number;
  /** Its catalogue and list. */
  readonly beside: number;
}

/** Other worker processes of the same host. */
export interface Others {
  readonly reserved: number;
  readonly running: number;
  /** What dars there may hold when they are stopped, see heldBy. */
  readonly held: number;
  readonly largestSlice: number;
  /** Of the first that waits for room there. */
  readonly waiting: Rank | null;
}

export interface Room {
  /** Bytes that backups may take in all. */
  readonly limit: number;
  /** Bytes that their files take now. */
  readonly used: number;
  /** Bytes the filesystem really has left, without the margin; below zero the margin is being used. */
  readonly free: number;
  readonly margin: number;
  readonly others: Others;
}

/** `until` and `slack` as they are from now on; `runs`: goes on, else stops. */
export interface Verdict {
  readonly until: number;
  readonly slack: number;
  readonly runs: boolean;
  /** Waits for room that slices on their way give back: nobody behind it is given more. */
  readonly waits: boolean;
}

export function compareRanks(a: Rank, b: Rank): number {
  return Number(b.overdue) - Number(a.overdue) || a.priority - b.priority || a.since - b.since;
}

/** Whether it may go on. At the very end of a slice it must: that is complete, and leaves, only when dar has begun the next one. */
export function hasRoom({ written, until }: Pick<Writer, 'written' | 'until'>): boolean {
  return until > 0 && written <= until;
}

/** What it may still write before it is stopped. */
export function reservedBy(writer: Pick<Writer, 'until' | 'slack' | 'written' | 'beside'>): number {
  return hasRoom(writer) ? writer.until - writer.written + writer.slack + writer.beside : 0;
}

/** What may be left of it in staging, and cannot leave, when it is stopped at the next place where it can be. */
export function heldBy({ written, sliceBytes, expectedBytes, beside }: Writer, slack: number): number {
  const begun = expectedBytes < sliceBytes ? Math.max(written, expectedBytes) : written % sliceBytes;
  return beside + (expectedBytes < sliceBytes ? begun + slack : Math.max(begun, slack));
}

/** The slice it needs room for, at most. */
export function sliceOf({ written, sliceBytes, expectedBytes }: Pick<Writer, 'written' | 'sliceBytes' | 'expectedBytes'>): number {
  return written < expectedBytes ? Math.min(sliceBytes, expectedBytes) : sliceBytes;
}

/**
 * Decides who writes (pure). A dar is given room for a whole slice at a time and keeps it until that slice is complete, so what it has begun can always
 * be finished, sent and released: room is refused only between two slices. Whoever is refused holds no more than the few bytes of the next slice that it
 * wrote before it was seen and stopped (`slack`); all else are complete slices, which leave.
 *
 * Why backups that share a budget cannot wait for each other for ever: a dar is started only if, all others being stopped and every complete slice being away,
 * there is still room for the largest slice of any. So the first in order always gets its slice in the end, completes it, and gives it back. While it waits nobody
 * behind it is given more, so nobody is passed over for ever. If the budget does not hold a slice per slot, fewer dars run; where it has not even room for a slice
 * and what a dar writes between two looks, one gets its slice alone, and may go past the budget by that much.
 *
 * Room that others take from the filesystem, which is not ours to manage, stops whoever does not fit any more in the middle, last in order first; the first only
 * when the margin is half gone: what it completes is what makes room.
 */
export function decide(writers: readonly Writer[], room: Room, slackOf: (writer: Writer) => number): Map<string, Verdict> {
  const ordered = [...writers].sort((a, b) => compareRanks(a.rank, b.rank));
  const verdicts = new Map<string, Verdict>();
  const ledger = new Ledger(ordered, room, slackOf);
  for (const writer of ordered) {
    verdicts.set(writer.id, hasRoom(writer) ? ledger.keep(writer) : ledger.ask(writer));
  }
  return verdicts;
}

/** What is given away while the writers are gone through in order. */
class Ledger {
  #left: number;
  #free: number;
  #running: number;
  #started: Writer[];
  #first = true;
  #refused = false;

  constructor(
    writers: readonly Writer[],
    private readonly room: Room,
    private readonly slackOf: (writer: Writer) => number,
  ) {
    const running = writers.filter(hasRoom);
    this.#left = room.limit - room.used - room.others.reserved - running.reduce((sum, each) => sum + reservedBy(each), 0);
    this.#free = room.free;
    this.#running = room.others.running + running.length;
    this.#started = writers.filter(({ started, until }) => started || until > 0);
  }

  keep(writer: Writer): Verdict {
    const regardless = this.#first && this.room.free > -this.room.margin / 2;
    const runs = regardless || reservedBy(writer) <= this.#free;
    this.#first = false;
    if (runs) this.#free -= reservedBy(writer);
    return { until: writer.until, slack: writer.slack, runs, waits: false };
  }

  ask(writer: Writer): Verdict {
    const slack = this.slackOf(writer);
    const safe = (holds: number): boolean => this.#started.includes(writer) || this.#isSafe(writer, holds);
    const behind = this.#refused || isBefore(this.room.others.waiting, writer.rank);
    const isAlone = this.#running === 0;
    if (!behind && safe(slack + writer.beside) && this.#take({ ...writer, until: nextEnd(writer, slack), slack })) return this.#give(writer, slack);
    if (!behind && isAlone && safe(0) && this.#take({ ...writer, until: nextEnd(writer, 0), slack: 0, beside: 0 })) return this.#give(writer, 0);
    // One that must not be started beside the others waits for their end: they go on.
    const waits = safe(0);
    if (waits) this.#refused = true;
    return { until: 0, slack: 0, runs: false, waits };
  }

  /** Whether the first of all could still complete a slice when all are stopped and what was complete is away. */
  #isSafe(writer: Writer, holds: number): boolean {
    const { limit, others } = this.room;
    const held = this.#started.reduce((sum, each) => sum + heldBy(each, this.slackOf(each)), others.held);
    const largest = Math.max(others.largestSlice, ...[writer, ...this.#started].map(sliceOf));
    return limit - held - holds >= largest;
  }

  #take(asked: Writer): boolean {
    const bytes = reservedBy(asked);
    if (bytes > Math.min(this.#left, this.#free)) return false;
    this.#left -= bytes;
    this.#free -= bytes;
    return true;
  }

  #give(writer: Writer, slack: number): Verdict {
    this.#running += 1;
    if (!this.#started.includes(writer)) this.#started.push(writer);
    return { until: nextEnd(writer, slack), slack, runs: true, waits: false };
  }
}

function isBefore(other: Rank | null, own: Rank): boolean {
  return other !== null && compareRanks(other, own) < 0;
}

/** The end of the slice that is being written; of a later one where slices are so small that they would be complete before anybody looks. */
function nextEnd({ written, sliceBytes, expectedBytes }: Writer, slack: number): number {
  if (written < expectedBytes && expectedBytes < sliceBytes) return expectedBytes;
  return sliceBytes * Math.max(1, Math.ceil((written + Math.max(1, slack)) / sliceBytes));
}
