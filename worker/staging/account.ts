import { join } from 'node:path';
import type { Logger } from 'pino';
import { toBwError } from '../../shared/errors/bw-error.js';
import { compareRanks, decide, hasRoom, heldBy, reservedBy, sliceOf, type Others, type Rank, type Room, type Verdict, type Writer } from './budget.js';
import { Claims, type Claim } from './claims.js';
import { unlessAborted } from './latch.js';
import { FailedLooks, lookFailed } from './look-failed.js';
import { measure, type Measured } from './measure.js';
import { Restores, type Reservation } from './restores.js';
import { backupLimit, decideRestores, type RestoreRoom } from './restore-room.js';
import { WriterEntry, type WriterSpec } from './writer-entry.js';

export interface AccountOptions {
  /** Of the filesystem's staging. */
  readonly dir: string;
  readonly host: string;
  readonly budgetBytes: number;
  /** 0 to 1, kept for restores and verifications. */
  readonly restoreShare: number;
  readonly maxPauseMs: number;
  readonly logger: Logger;
  /** A clock that does not jump, ms. */
  readonly now?: () => number;
}

export interface AccountState {
  readonly usedBytes: number;
  /** As configured, or less where others fill the filesystem. */
  readonly budgetBytes: number;
  /** Dars that are stopped, or wait to be started. */
  readonly pausedDars: number;
  /** For how long in all, those that ended too, ms. */
  readonly pausedMs: number;
}

interface Look extends Measured {
  readonly at: number;
  /** Bytes there are for all: the budget, or less where others fill the filesystem. */
  readonly total: number;
}

/** Looks are this far apart, ms: more often where the room might be gone before. */
const LOOK_MS = { least: 10, most: 250 };
/** After a look at least so many times as long as it took. */
const LOOK_REST = 2;
/** An archive of at most 1/share of what was left at a look that is not older. */
const SMALL = { share: 64, lookAgeMs: 1_000 };
/** So many looks before the room is gone at full speed. */
const LOOKS_AHEAD = 8;
/** A signal comes later than decided, ms: guardian, kernel; and timers on a busy machine, which is measured. */
const LAG_MS = 20;
/** So much of the worst lateness of timers is remembered with each look. */
const LATENESS_KEPT = 0.9;
/** Bytes per ms of a dar that nobody has seen yet: 2.8 GB with its hash took 14 s. */
const USUAL_RATE = 200_000;
/** Long enough that a series of small backups does not come and go with every dar, ms. */
const IDLE_MS = 1_000;
/** Those who may give something back are asked this often while somebody waits, ms. */
const RELIEF_MS = 1_000;
/** After the filesystem said "full" or "over quota" where it showed room, so much of what was used then counts as all there is, for so long, ms. */
const LEARNED = { share: 0.9, forMs: 600_000 };

/**
 * The account of a host's staging: what its files take (by looking, so that nothing leaks and a crash changes nothing), what running dars were given
 * room for, what restores reserved. It stops and continues dars (SIGSTOP, SIGCONT) so that the budget holds; see `decide` for who may write and why nobody waits for ever.
 * Worker processes of the same host share it through their claims. May go past the budget by what dars write between two looks.
 */
export class StagingAccount {
  readonly #claims: Claims;
  readonly #writers = new Map<string, WriterEntry>();
  readonly #restores = new Restores();
  readonly #relievers = new Set<() => Promise<unknown>>();
  readonly #now: () => number;
  #measured: Look | null = null;
  /** What dars that ended since the last look may have written after it. */
  #unseen = 0;
  #others: readonly Claim[] = [];
  #learned: { readonly bytes: number; readonly until: number } | null = null;
  /** Room there was for backups at the last look. */
  #left = 0;
  #lookMs = LOOK_MS.most;
  #looking: Promise<void> | null = null;
  #lookAgain = false;
  readonly #failed = new FailedLooks();
  #timer: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #lateMs = 0;
  #relievedAt = -Infinity;
  #pausedMs = 0;
  #countedAt: number;
  #serial = 0;
  #firstWaiting: Rank | null = null;

  constructor(private readonly options: AccountOptions) {
    this.#claims = new Claims(join(options.dir, `.claims-${options.host}`));
    this.#now = options.now ?? (() => performance.now());
    this.#countedAt = this.#now();
  }

  /** Tidies up after processes of this host that were killed. What they staged lies there and counts; what they were given does not. */
  async open(): Promise<void> {
    await this.#claims.forgetDead();
  }

  /**
   * Waits until there is room for the first slice of a dar, then has it stopped and continued until the returned function is called. Rejects with the signal's reason,
   * and STAGING_IO when staging cannot be looked at.
   */
  async begin(spec: WriterSpec): Promise<() => void> {
    spec.signal.throwIfAborted();
    const entry = new WriterEntry(`w${++this.#serial}`, spec, this.options.logger, this.#now());
    const isSmall = this.#isNothingBeside(entry);
    this.#writers.set(entry.id, entry);
    const end = (): void => { this.#end(entry); };
    if (isSmall) {
      entry.apply({ until: spec.expectedBytes, slack: 0, runs: true, waits: false }, this.#now(), { used: 0, limit: 0 });
      return end;
    }
    try {
      await this.#soon();
      await unlessAborted(entry.begins, spec.signal);
      return end;
    } catch (thrown) {
      end();
      throw thrown;
    }
  }

  /**
   * Waits, in order, until `bytes` of staging are there for a restore or verification, and keeps them until the returned function is called. `owner` is the
   * directory in staging (restoreId, verifyId): what lies there counts as reserved. Rejects with the signal's reason, STAGING_TOO_SMALL, and STAGING_IO when staging
   * cannot be looked at.
   */
  async reserve(bytes: number, reservation: Reservation): Promise<() => void> {
    reservation.signal.throwIfAborted();
    const request = this.#restores.add(bytes, reservation);
    const release = (): void => {
      this.#restores.remove(request);
      this.#schedule(0);
    };
    try {
      await this.#soon();
      await unlessAborted(request.granted, reservation.signal);
      return release;
    } catch (thrown) {
      release();
      throw thrown;
    }
  }

  /** Adds somebody who may give staging back that nothing waits for otherwise; asked while there is no room. Returns how to take it off. */
  onPressure(relieve: () => Promise<unknown>): () => void {
    this.#relievers.add(relieve);
    return () => { this.#relievers.delete(relieve); };
  }

  /** How often it is looked at what dars write, ms: as often as that matters. */
  get lookMs(): number {
    return this.#lookMs;
  }

  /** Files were removed: whoever waits need not wait for the next look. */
  released(): void {
    if (this.isTight) this.#schedule(0);
  }

  /** Whether somebody waits for room. */
  get isTight(): boolean {
    return this.#paused > 0 || this.#restores.waiting.length > 0;
  }

  /**
   * dar found the filesystem full or over its quota, and its slices still lie there. Where a look shows no room either there is nothing to learn: dar was faster
   * than the looks, or others were, and the next look is right. What is used is looked at now: an older figure may be from before dar began, and would let nobody write for long.
   */
  async noteFull(): Promise<void> {
    const look = await this.#measure().catch((thrown: unknown) => {
      this.options.logger.warn({ err: toBwError(thrown) }, 'staging could not be looked at after it was full'); // that it was is what its caller tells
      return null;
    });
    if (look === null || look.free <= 0) return;
    const used = look.used + look.restores;
    this.#learned = { bytes: Math.floor(used * LEARNED.share), until: this.#now() + LEARNED.forMs };
  }

  /** With a walk through staging. Throws STAGING_IO. */
  async state(): Promise<AccountState> {
    const { used, restores, total } = await this.#measure().catch((thrown: unknown) => { throw lookFailed(thrown, this.options.dir); });
    this.#countPauses();
    return { usedBytes: used + restores, budgetBytes: total, pausedDars: this.#paused, pausedMs: this.#pausedMs };
  }

  /** Takes this process's claims back. */
  async close(): Promise<void> {
    await this.#looking;
    clearTimeout(this.#timer);
    this.#isScheduled = false;
    if (this.#isIdle && this.#claims.areMade) await this.#claims.locked(() => this.#claims.publish(null));
    await this.#claims.leave();
  }

  #end(entry: WriterEntry): void {
    if (!this.#writers.delete(entry.id)) return;
    this.#countPauses();
    this.#unseen += reservedBy(entry.state(this.#now()));
    if (this.isTight) this.#schedule(0);
    else if (!this.#isScheduled) this.#schedule(this.#lookMs);
  }

  /** So little beside what is left that it is not worth a look: small backups come by the hundred a minute. */
  #isNothingBeside(entry: WriterEntry): boolean {
    const { expectedBytes, besideBytes } = entry.spec;
    if (this.#measured === null || this.#now() - this.#measured.at > SMALL.lookAgeMs || this.isTight || this.#others.length > 0) return false;
    const reserved = [...this.#writers.values()].reduce((total, each) => total + reservedBy(each.state(this.#now())), 0);
    return (expectedBytes + besideBytes) * SMALL.share <= this.#left - this.#unseen - reserved;
  }

  /** A look that begins after now. */
  async #soon(): Promise<void> {
    while (this.#looking !== null) await this.#looking;
    await this.#look('cached');
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    this.#isScheduled = true;
    const due = this.#now() + ms;
    this.#timer = setTimeout(() => {
      this.#isScheduled = false;
      this.#lateMs = Math.max(this.#now() - due, this.#lateMs * LATENESS_KEPT);
      void this.#look('fresh');
    }, ms);
  }

  /** `cached`: with what lay in staging at the last look; what was promised since then is known. */
  #look(files: 'fresh' | 'cached'): Promise<void> {
    if (this.#looking !== null) {
      this.#lookAgain = true;
      return this.#looking;
    }
    this.#looking = this.#lookNow(files)
      .then(() => { this.#failed.over(); }, (thrown: unknown) => { this.#noLook(thrown); })
      .finally(() => {
        this.#looking = null;
        if (this.#lookAgain) this.#schedule(0);
        else if (!this.#isIdle || this.#claims.areMade) this.#schedule(this.#isIdle ? IDLE_MS : this.#lookMs);
        this.#lookAgain = false;
      });
    return this.#looking;
  }

  /** Nobody can be given room. One that was stopped gives its slot up in time, as ever; those that have not begun are told what is wrong, unless only room is wanting. */
  #noLook(thrown: unknown): void {
    this.#lookMs = LOOK_MS.most;
    const error = lookFailed(thrown, this.options.dir);
    this.options.logger.warn({ err: error }, 'staging could not be looked at: nobody is given more room');
    const tells = this.#failed.isLasting(thrown, this.#now());
    if (tells) this.#restores.refuseAll(error);
    for (const entry of this.#writers.values()) {
      if (tells && !entry.started) entry.refuse(error);
      else entry.checkPause(this.#now(), this.options.maxPauseMs);
    }
  }

  async #lookNow(files: 'fresh' | 'cached'): Promise<void> {
    const from = this.#now();
    const last = this.#measured;
    const measured = files === 'cached' && last !== null && from - last.at < this.#lookMs ? last : await this.#measure();
    try {
      await this.#claims.locked(async () => {
        this.#others = await this.#claims.others();
        this.#settle(measured);
        await this.#claims.publish(this.#isIdle ? null : this.#claim());
      });
    } finally {
      if (this.isTight) this.#relieve(); // above all when the filesystem is so full that nothing can be claimed
    }
    this.#lookMs = Math.max(this.#lookMs, (this.#now() - from) * LOOK_REST);
  }

  get #isIdle(): boolean {
    return this.#writers.size === 0 && this.#restores.isEmpty;
  }

  /** Walks what lies in staging: of each dar how far it is, and how much backups and restores take. */
  async #measure(): Promise<Look> {
    const at = this.#now();
    const owners = new Set([...this.#restores.owners, ...this.#others.flatMap(({ restores }) => restores.owners)]);
    const byPlace = new Map([...this.#writers.values()].map((entry) => [`${entry.spec.dir}\0${entry.spec.baseName}`, entry]));
    const visit = (dir: string, name: string, bytes: number): void => {
      byPlace.get(`${dir}\0${name.replace(/\.\d+\.dar$/, '')}`)?.see(name, bytes);
    };
    this.#unseen = 0;
    const measured = await measure(this.options.dir, this.options.host, owners, visit);
    for (const entry of byPlace.values()) entry.seen(at);
    if (this.#learned !== null && this.#learned.until < at) this.#learned = null;
    const { used, restores, free } = measured;
    const total = Math.max(0, Math.min(this.options.budgetBytes, used + restores + free, this.#learned?.bytes ?? Infinity));
    return (this.#measured = { ...measured, at, total });
  }

  /** Decides and does it. */
  #settle(measured: Look): void {
    const now = this.#now();
    this.#countPauses();
    const others = othersOf(this.#others);
    const used = measured.used + this.#unseen;
    const states = [...this.#writers.values()].map((entry) => entry.state(now));
    const promised = others.reserved + states.reduce((sum, each) => sum + reservedBy(each), 0);
    const restores = this.#restores.reserved + sum(this.#others, (each) => each.restores.reserved);
    const free = measured.free - Math.max(0, restores - measured.restores);
    const granted = this.#settleRestores({ total: measured.total, backups: used + promised, restores, free: free - promised }, measured);
    const restoresWait = (this.#restores.waiting[0]?.bytes ?? 0) + sum(this.#others, (each) => each.restores.waiting);
    const limit = backupLimit({ total: measured.total, share: this.options.restoreShare, restores: restores + granted, restoresWait });
    const room = { limit, used, free: free - granted, margin: measured.margin, others };
    this.#apply(decide(states, room, (writer) => this.#slackOf(writer)), room, now);
  }

  /** Returns the bytes granted. */
  #settleRestores(room: RestoreRoom, { used, free }: Measured): number {
    const { waiting } = this.#restores;
    const granted = decideRestores(waiting, room);
    this.#restores.grant(granted);
    const [first] = this.#restores.waiting;
    const most = Math.max(room.total, used + free);
    if (first !== undefined && room.restores === 0 && granted.size === 0 && first.bytes > most) this.#restores.refuseFirst(most);
    return sum(waiting.filter(({ id }) => granted.has(id)), ({ bytes }) => bytes);
  }

  #apply(verdicts: ReadonlyMap<string, Verdict>, room: Room, now: number): void {
    let speed = 0;
    for (const [id, verdict] of verdicts) {
      const entry = this.#writers.get(id);
      if (entry === undefined) continue;
      entry.apply(verdict, now, room);
      entry.checkPause(now, this.options.maxPauseMs);
      if (verdict.runs) speed += this.#rateOf(entry);
    }
    this.#firstWaiting = [...verdicts].filter(([, { waits }]) => waits).map(([id]) => this.#writers.get(id)?.state(now).rank).filter((rank) => rank !== undefined).sort(compareRanks)[0] ?? null;
    this.#left = Math.min(room.limit - room.used, room.free);
    this.#lookMs = speed === 0 ? LOOK_MS.most : Math.min(LOOK_MS.most, Math.max(LOOK_MS.least, this.#left / (speed * LOOKS_AHEAD)));
  }

  /** The fastest of all, while this one was not seen yet: they write to the same place. */
  #rateOf(entry: WriterEntry | undefined): number {
    const rates = [...this.#writers.values()].map(({ rate }) => rate).filter((rate) => rate !== null);
    return entry?.rate ?? (rates.length === 0 ? USUAL_RATE : Math.max(...rates));
  }

  #slackOf({ id }: Writer): number {
    return Math.ceil(this.#rateOf(this.#writers.get(id)) * (this.#lookMs + LAG_MS + this.#lateMs));
  }

  #claim(): Claim {
    const states = [...this.#writers.values()].map((entry) => entry.state(this.#now()));
    const started = states.filter((each) => each.started);
    return {
      reserved: sum(states, reservedBy),
      running: states.filter(hasRoom).length,
      held: sum(started, (each) => heldBy(each, this.#slackOf(each))),
      largestSlice: Math.max(0, ...started.map(sliceOf)),
      waiting: this.#firstWaiting,
      restores: { reserved: this.#restores.reserved, waiting: this.#restores.waiting[0]?.bytes ?? 0, owners: [...this.#restores.owners] },
    };
  }

  #relieve(): void {
    if (this.#now() - this.#relievedAt < RELIEF_MS) return;
    this.#relievedAt = this.#now();
    for (const relieve of this.#relievers) {
      relieve().catch((thrown: unknown) => { this.options.logger.warn({ err: toBwError(thrown) }, 'staging that could be given back was not'); });
    }
  }

  #countPauses(): void {
    const now = this.#now();
    this.#pausedMs += this.#paused * (now - this.#countedAt);
    this.#countedAt = now;
  }

  get #paused(): number {
    return [...this.#writers.values()].filter((each) => each.isStopped).length;
  }
}

function othersOf(claims: readonly Claim[]): Others {
  return {
    reserved: sum(claims, ({ reserved }) => reserved),
    running: sum(claims, ({ running }) => running),
    held: sum(claims, ({ held }) => held),
    largestSlice: Math.max(0, ...claims.map(({ largestSlice }) => largestSlice)),
    waiting: claims.flatMap(({ waiting }) => (waiting === null ? [] : [waiting])).sort(compareRanks)[0] ?? null,
  };
}

function sum<T>(items: readonly T[], bytesOf: (item: T) => number): number {
  return items.reduce((total, item) => total + bytesOf(item), 0);
}
