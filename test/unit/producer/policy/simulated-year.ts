import type { EventKind, ScheduleConfig } from '../../../../shared/config/config.js';
import type { BasepathFacts } from '../../../../shared/runs/basepath-facts.js';
import { DAY_MS, hasFull, type BasepathNow, type InFlight } from '../../../../producer/policy/basepath-now.js';
import { decideTopdir } from '../../../../producer/policy/decide.js';
import type { FullDay } from '../../../../producer/policy/full-share.js';
import { idAt } from './samples.js';

export interface Simulation {
  readonly schedule: ScheduleConfig;
  readonly basepaths: number;
  readonly days: number;
  /** Bytes all workers save in a day. */
  readonly bytesPerDay: number;
  /** The producer does nothing on these days. */
  readonly down?: (day: number) => boolean;
}

/** What one day did. */
export interface SimulatedDay {
  readonly fulls: number;
  readonly fullBytes: number;
  readonly others: number;
  readonly otherBytes: number;
  /** Basepaths without sealed backup for longer than schedule.pastDue, at the day's end. */
  readonly pastDue: number;
  /** The oldest newest full, days. */
  readonly oldestFull: number;
}

interface Simulated {
  readonly id: string;
  readonly bytes: number;
  /** Share of it that changes in a day. */
  readonly change: number;
  readonly foundMs: number;
  facts: BasepathFacts | null;
  full: InFlight | null;
  other: InFlight | null;
}

interface Waiting {
  readonly basepath: Simulated;
  readonly kind: 'full' | 'other';
  readonly backupId: string;
  readonly priority: number;
  left: number;
}

/** Hours of a day at which the producer decides. */
const ROUNDS = [0, 4, 12, 12.5];
const HOUR_MS = 3_600_000;
const ALL: ReadonlySet<EventKind> = new Set(['scan', 'fulls', 'incrementals', 'failed']);
const START_MS = Date.parse('2026-01-01T00:00:00Z');

/** A site with a clock of its own: rounds of the real policy, and workers that save so many bytes between two of them. */
export function simulate(simulation: Simulation): SimulatedDay[] {
  const site = new SimulatedSite(simulation);
  return Array.from({ length: simulation.days }, (_, day) => site.runDay(day));
}

class SimulatedSite {
  readonly #basepaths: Simulated[];
  #queue: Waiting[] = [];
  #day: FullDay | null = null;
  #done = { fulls: 0, fullBytes: 0, others: 0, otherBytes: 0 };

  constructor(private readonly simulation: Simulation) {
    const random = randomNumbers(42);
    this.#basepaths = Array.from({ length: simulation.basepaths }, (_, index) => simulated(index, random));
  }

  runDay(day: number): SimulatedDay {
    this.#done = { fulls: 0, fullBytes: 0, others: 0, otherBytes: 0 };
    for (const [index, hour] of ROUNDS.entries()) {
      const nowMs = START_MS + day * DAY_MS + hour * HOUR_MS;
      if (this.simulation.down?.(day) !== true) this.#decide(nowMs);
      this.#work(nowMs, (ROUNDS[index + 1] ?? 24) - hour);
    }
    return { ...this.#done, ...this.#look(START_MS + (day + 1) * DAY_MS) };
  }

  #decide(nowMs: number): void {
    const { schedule } = this.simulation;
    const there = this.#basepaths.filter(({ foundMs }) => foundMs <= nowMs);
    const basepaths = there.map((each): BasepathNow => ({ basepathId: each.id, policy: schedule, facts: each.facts, failures: null, full: each.full, other: each.other }));
    const decided = decideTopdir({ schedule, basepaths, events: ALL, day: this.#day, nowMs });
    this.#day = decided.day;
    for (const [index, { full, other }] of decided.basepaths.entries()) {
      const basepath = there[index] as Simulated;
      if (full.act === 'enqueue') this.#enqueue(basepath, 'full', nowMs);
      if (other.act === 'enqueue') this.#enqueue(basepath, 'other', nowMs);
    }
  }

  #enqueue(basepath: Simulated, kind: 'full' | 'other', nowMs: number): void {
    const backupId = idAt(nowMs);
    basepath[kind] = { jobId: `backup.${backupId}`, enqueuedAtMs: nowMs, started: false, bytes: null };
    const left = kind === 'full' ? basepath.bytes : basepath.bytes * basepath.change;
    this.#queue.push({ basepath, kind, backupId, priority: kind === 'full' ? 30 : 50, left });
  }

  /** Workers until the next round: a quarter of them for incrementals only, the others take fulls first; first in, first out. */
  #work(nowMs: number, hours: number): void {
    const bytes = (this.simulation.bytesPerDay * hours) / 24;
    const own = this.#save(this.#queue.filter(({ kind }) => kind === 'other'), bytes / 4, nowMs);
    const open = this.#queue.filter(({ left }) => left > 0).sort((a, b) => a.priority - b.priority);
    this.#save(open, bytes - own, nowMs);
    this.#queue = open.filter(({ left }) => left > 0);
  }

  /** Returns the bytes saved. */
  #save(jobs: readonly Waiting[], budget: number, nowMs: number): number {
    let bytes = budget;
    for (const job of jobs) {
      if (bytes <= 0) break;
      start(job);
      const saved = Math.min(bytes, job.left);
      bytes -= saved;
      job.left -= saved;
      this.#count(job.kind, saved);
      if (job.left <= 0) this.#seal(job, nowMs);
    }
    return budget - bytes;
  }

  #count(kind: 'full' | 'other', bytes: number): void {
    this.#done[kind === 'full' ? 'fullBytes' : 'otherBytes'] += bytes;
  }

  #seal({ basepath, kind, backupId }: Waiting, nowMs: number): void {
    const capturedAt = new Date(nowMs + 60_000).toISOString();
    const size = { sourceBytes: basepath.bytes, archiveBytes: basepath.bytes };
    const known = basepath.facts;
    const newest = { backupId, capturedAt, outcome: 'clean' as const, sourceBytes: basepath.bytes };
    if (kind === 'full') {
      basepath.facts = { ...newest, level: 'full', full: { backupId, capturedAt, ...size, slotMs: 1, first: known === null }, chain: { length: 0, archiveBytes: 0 }, other: null };
    } else if (known !== null) {
      const chain = { length: known.chain.length + 1, archiveBytes: known.chain.archiveBytes + basepath.bytes * basepath.change };
      basepath.facts = { ...known, ...newest, level: 'incremental', chain };
    }
    basepath[kind] = null;
    this.#done[kind === 'full' ? 'fulls' : 'others'] += 1;
  }

  #look(nowMs: number): Pick<SimulatedDay, 'pastDue' | 'oldestFull'> {
    const { pastDueMs } = this.simulation.schedule;
    let pastDue = 0;
    let oldestMs = 0;
    for (const { facts, foundMs } of this.#basepaths) {
      const lastMs = facts === null ? foundMs : Date.parse(facts.capturedAt);
      if (pastDueMs !== null && nowMs - lastMs > pastDueMs) pastDue += 1;
      if (hasFull(facts)) oldestMs = Math.max(oldestMs, nowMs - Date.parse(facts.full.capturedAt));
    }
    return { pastDue, oldestFull: oldestMs / DAY_MS };
  }
}

function start({ basepath, kind }: Waiting): void {
  const flight = basepath[kind];
  if (flight !== null) basepath[kind] = { ...flight, started: true, bytes: basepath.bytes };
}

/** Sizes as homes have them: most are small, few hold most of the bytes. One in ten changes much. A tenth comes in the course of the year. */
function simulated(index: number, random: () => number): Simulated {
  const bytes = Math.round(Math.exp(Math.sqrt(-2 * Math.log(random() || 0.5)) * Math.cos(2 * Math.PI * random())) * 2 ** 30);
  const change = index % 10 === 0 ? 0.03 : 0.005;
  const late = index % 10 === 5;
  const foundMs = late ? START_MS + Math.floor(random() * 360 * DAY_MS) : START_MS;
  return { id: `home${String(index).padStart(4, '0')}-${Math.floor(random() * 2 ** 24).toString(16)}`, bytes, change, foundMs, facts: null, full: null, other: null };
}

/** mulberry32: the same numbers everywhere. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
