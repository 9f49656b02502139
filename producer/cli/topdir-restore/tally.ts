import { estimate, type Weighed } from '../../../shared/topdir-restore/eta.js';
import type { ChosenBackup, TopdirBasepath } from '../../../shared/topdir-restore/plan.js';
import type { TopdirBasepathRow, TopdirTotals } from './outputs.js';

export interface PlannedBasepath extends TopdirBasepath {
  readonly backup: ChosenBackup;
}

/** How far a run of one basepath is. */
export interface RunShare {
  readonly basepathId: string;
  /** 0 to 1. */
  readonly share: number;
}

/** Counts a restore of a topdir; time is given, in ms of any clock. */
export class Tally {
  readonly rows: TopdirBasepathRow[] = [];
  /** basepathId -> restore. */
  readonly running = new Map<string, string>();
  #shares: readonly RunShare[] = [];

  constructor(
    readonly basepaths: readonly TopdirBasepath[],
    private readonly beganMs: number,
  ) {}

  get planned(): PlannedBasepath[] {
    return this.basepaths.filter((each): each is PlannedBasepath => each.backup !== null);
  }

  /** Of what runs, as last asked. */
  set shares(shares: readonly RunShare[]) {
    this.#shares = shares;
  }

  end(row: TopdirBasepathRow): void {
    if (row.state !== 'unfinished') this.running.delete(row.basepathId); // else it goes on without us
    this.rows.push(row);
  }

  totals(nowMs: number): TopdirTotals {
    const weights = new Map(this.planned.map(({ basepathId, backup }) => [basepathId, weigh(backup)]));
    const skipped = this.#of(({ state }) => state === 'skipped');
    for (const { basepathId } of skipped) weights.delete(basepathId);
    const weightOf = (basepathId: string): Weighed => weights.get(basepathId) ?? { bytes: 0, entries: 0 };
    const ended = this.#of(({ state }) => state === 'restored' || state === 'failed').map(({ basepathId }) => weightOf(basepathId));
    const running = this.#shares.filter(({ basepathId }) => this.running.has(basepathId)).map(({ basepathId, share }) => ({ ...weightOf(basepathId), share }));
    const told = estimate({ planned: [...weights.values()], ended, running, elapsedMs: nowMs - this.beganMs });
    const before = sumBytes(this.planned.filter(({ basepathId }) => !weights.has(basepathId)));
    const done = this.#of(({ state }) => state === 'restored' || state === 'skipped');
    return {
      basepaths: this.basepaths.length,
      restored: done.length,
      withExceptions: done.filter(({ outcome }) => outcome === 'with-exceptions').length,
      failed: this.#of(({ state }) => state === 'failed').length,
      withoutBackup: this.basepaths.length - this.planned.length,
      running: this.running.size,
      sourceBytes: sumBytes(this.planned).toString(),
      doneBytes: (BigInt(told.doneBytes) + before).toString(),
      bytesPerSecond: told.bytesPerSecond,
      etaMs: told.etaMs,
    };
  }

  #of(wanted: (row: TopdirBasepathRow) => boolean): TopdirBasepathRow[] {
    return this.rows.filter(wanted);
  }
}

function sumBytes(basepaths: readonly PlannedBasepath[]): bigint {
  return basepaths.reduce((sum, { backup }) => sum + backup.sourceBytes, 0n);
}

function weigh({ sourceBytes, records }: ChosenBackup): Weighed {
  return { bytes: Number(sourceBytes), entries: records };
}
