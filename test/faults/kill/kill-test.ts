import { expect, type TestContext } from 'vitest';
import { needs } from '../../helpers/needs.js';
import { FAST_RETRIES, type SiteOptions, type TestSite } from '../../helpers/site.js';
import { compiledProduct, type CompiledProduct } from '../compiled-product.js';
import { faultTest, type FaultRun } from '../frame/fault-test.js';
import { edgesInCode, jobNames } from './edges-in-code.js';
import { startLine } from './line-of-workers.js';
import { NOT_REACHED } from './not-reached.js';
import { startRounds, type Rounds } from './rounds.js';

/** Jobs of the dead are given back at once: no lock needs to end by itself, also on a machine that is slow. */
const timing = { ...FAST_RETRIES, lockDurationMs: 30_000, lockRenewTimeMs: 5_000, stalledIntervalMs: 300 };

export const SITE = {
  noWorker: true,
  timing,
  settings: {
    dar: { sliceSize: '1MiB' },
    shards: { maxFiles: 10 },
    retention: { keepLast: 1, gracePeriod: '1ms', maxRemoveShare: '100%' },
    worker: { slots: 1 },
    deadLetters: { keepStaging: '1d' },
  },
} as const satisfies SiteOptions;

/** Before one half of the changes, after the other half; BW_FAULTS=long: before and after each. */
const LONG = process.env['BW_FAULTS'] === 'long';
const SEED = process.env['BW_SEED'] ?? '1';
/** A job may be killed twice: what is left of its edges is for the next one of its kind. */
const REPEATS = LONG ? 40 : 20;

/** What an LTS with minObject adds, and what one that takes tasks adds: dying at all other edges a second time shows nothing new. */
export const BUNDLING = /bundle|snapshot|transfer-job\.ts Job\.moveToDelayed/;
export const TASKS = /worker\/tasks\/|transfer\/globus\/|Outbox\.|restore\/recall\.ts/;

/** Does one kind of work again and again until no worker dies of it any more. */
type Repeat = (work: (time: number) => Promise<void>) => Promise<void>;

interface KillCase {
  readonly state: string;
  readonly name: string;
  readonly site: SiteOptions;
  /** The edges that this part kills at; null: all that no other part has. */
  readonly part: RegExp | null;
  readonly work: (made: TestSite, rounds: Rounds, repeat: Repeat) => Promise<void>;
  /** Whether the beginnings and ends of jobs are this part's too. */
  readonly withJobs: boolean;
  /** It takes a minute or two: only with BW_FAULTS=edges or BW_FAULTS=long. */
  readonly whenAsked?: boolean;
  /** More to look at when all is done. */
  readonly after?: (made: TestSite) => Promise<void>;
}

/** Does all work of one part with workers that die at each of its edges (see isChosen); one that is in the code, and at which none died, fails the test. */
export function killTest({ state, name, site, part, work, withJobs, whenAsked = false, after }: KillCase): void {
  const product = compiledProduct();
  const asked = (context: TestContext): void => { needs(context, !whenAsked || process.env['BW_FAULTS'] !== undefined, 'BW_FAULTS=edges or BW_FAULTS=long, and minutes'); };
  faultTest({ fault: 'kill -9', state, name, site, needs: asked, timeoutMs: LONG ? 3_600_000 : 600_000 }, async (made, run) => {
    const died = await dying(product, made, run, part?.source ?? '', work);
    const { edges, ends } = owed(part);
    const at = new Set(died.map((edge) => edge.replace(/^[^:]+: /, '')));
    expect(edges.filter((edge) => !at.has(edge)), 'in the code, and no worker died there').toEqual([]);
    if (withJobs) expect(ends.filter((end) => !died.includes(end))).toEqual([]);
    await after?.(made);
    return undefined;
  });
}

/** Where they died, as `JOB: EDGE`. */
async function dying(product: CompiledProduct, made: TestSite, run: FaultRun, only: string, doWork: KillCase['work']): Promise<string[]> {
  const line = await startLine(product, made, timing, `${LONG ? 'both' : SEED}@${only}`);
  const producer = startRounds(made);
  const work = doWork(made, producer, async (once) => {
    for (let time = 1, died = -1; time <= REPEATS; time++) {
      const before = (await line.killed()).length;
      if (before === died) return;
      died = before;
      await once(time);
    }
  });
  await Promise.race([work, line.broken]);
  const died = await line.killed();
  for (const edge of died) run.count({ fault: 'kill -9', state: edge });
  await producer.close();
  await line.close();
  return died.map((edge) => edge.replace(/ \((?:before|after)\)$/, ''));
}

/** Edges, and beginnings and ends of jobs, that must be killed in a part. */
function owed(part: RegExp | null): { edges: string[]; ends: string[] } {
  const ours = (edge: string): boolean => ([TASKS, BUNDLING].find((each) => each.test(edge)) ?? null) === part;
  return { edges: edgesInCode().filter((edge) => ours(edge) && !(edge in NOT_REACHED)), ends: jobNames().filter(ours).flatMap((job) => [`${job}: taken`, `${job}: completed`]) };
}
