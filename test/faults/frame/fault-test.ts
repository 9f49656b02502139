import { test, type TestContext } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { testSite, type SiteOptions, type TestSite } from '../../helpers/site.js';
import { watchSite } from './after.js';

declare module 'vitest' {
  interface TaskMeta {
    /** Rows of the fault matrix that deploy/fault-matrix.ts prints. */
    faults?: FaultRow[];
  }
}

/** How often a fault came while the product was in a state, and how many of those runs lost something. */
export interface FaultRow {
  readonly fault: string;
  readonly state: string;
  runs: number;
  losses: number;
}

export interface FaultCase {
  /** `kill -9`, `Redis frozen`. */
  readonly fault: string;
  /** What was going on when it came: `shard: item recorded`. */
  readonly state: string;
  /** Name of the test; default `FAULT: STATE`. */
  readonly name?: string;
  /** Of the site, or what makes one. Default: testSite(). */
  readonly site?: SiteOptions | (() => Promise<TestSite>);
  /** Skips the test, with needs(), where something is missing. */
  readonly needs?: (context: TestContext) => void;
  readonly timeoutMs?: number;
}

/** What a body may tell of its run, by the last part of a basepath's path. */
export interface Expected {
  /** How many backups of a basepath must be sealed in the end; of others any number. */
  readonly sealed?: Readonly<Record<string, number>>;
  /** Basepaths whose source was changed after their last backup: it is restored, and not compared. */
  readonly changed?: readonly string[];
  /** Default 'hash'. 'none' for sources with holes of gigabytes. */
  readonly content?: 'hash' | 'none';
  /** Looks at each restored backup, too. */
  readonly restored?: (manifest: Manifest, target: string) => Promise<void>;
}

export interface FaultRun {
  readonly context: TestContext;
  /** For tests with several faults, or a fault that came several times: one more run in the matrix. */
  count(row: { readonly fault: string; readonly state: string }, runs?: number): void;
}

/**
 * A test of a fault: the body brings it about, and gets the site to where work is through again (every job has ended). Then the frame looks, whatever the
 * fault was: every sealed backup restores (the newest of each basepath equals its source), nothing is left in any staging, in the work area and of
 * unsealed backups in LTS, no process of ours runs, and catalog, journal, LTS and orders tell the same. What is not so is a loss: the test fails.
 */
export function faultTest(what: FaultCase, body: (site: TestSite, run: FaultRun) => Promise<Expected | undefined>): void {
  test(what.name ?? `${what.fault}: ${what.state}`, { timeout: what.timeoutMs ?? 240_000 }, async (context) => {
    const rows: FaultRow[] = [{ fault: what.fault, state: what.state, runs: 0, losses: 0 }];
    context.task.meta.faults = rows;
    what.needs?.(context);
    count(rows, what, 1);
    const site = await (typeof what.site === 'function' ? what.site() : testSite(what.site));
    const watch = watchSite(site);
    const expected = await body(site, { context, count: (row, runs = 1) => { count(rows, row, runs); } });
    const losses = await watch.lookAfter(expected ?? {});
    for (const row of rows) row.losses += losses.length === 0 ? 0 : 1;
    if (losses.length > 0) throw new Error(`after "${what.fault}" in "${what.state}":\n${losses.map((loss) => `- ${loss}`).join('\n')}`);
  });
}

function count(rows: FaultRow[], { fault, state }: Pick<FaultRow, 'fault' | 'state'>, runs: number): void {
  const row = rows.find((each) => each.fault === fault && each.state === state);
  if (row === undefined) rows.push({ fault, state, runs, losses: 0 });
  else row.runs += runs;
}
