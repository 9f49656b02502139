import type { BaselineRun } from './baseline.js';
import type { ProductRun } from './bench-site.js';
import type { CpuTime } from './cpu-time.js';
import type { Profile } from './profile.js';
import { median, middleOf } from './statistics.js';

/** One number that was promised. */
export interface Row {
  readonly what: string;
  readonly product: string;
  readonly baseline: string;
  /** Median of the ratios within each run; for memory, the share of the limit. */
  readonly measured: string;
  /** All runs, for an idea of the spread. */
  readonly runs: string;
  readonly target: string;
  /** null: reported, nothing promised. */
  readonly met: boolean | null;
  /** For the plot; absent where there is no baseline. */
  readonly ratios?: Ratios;
}

/** Time of bw-bkup over that of the baseline. */
export interface Ratios {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly target: number | null;
}

export interface PhaseReport {
  readonly what: string;
  readonly profile: Profile;
  readonly cpu: CpuTime;
  readonly wallMs: number;
  readonly backups: number;
}

export interface CaseResult {
  readonly name: string;
  readonly data: string;
  readonly how: string;
  readonly rows: readonly Row[];
  readonly phases: readonly PhaseReport[];
  /** Median time of each step of the baseline. */
  readonly steps: readonly { readonly name: string; readonly wallMs: number }[];
  readonly notes: readonly string[];
}

/** A case gets this from the command line. */
export interface CaseOptions {
  /** Empty directory of the case; removed after it. */
  readonly dir: string;
  readonly runs: number;
  readonly quick: boolean;
  readonly say: (text: string) => void;
  /** What must be closed, also when the case fails or is interrupted. */
  readonly atEnd: (close: () => Promise<void>) => void;
}

/** At most so many runs of what takes longer than a minute. */
export const LONG_RUNS = 3;

export interface Comparison {
  readonly what: string;
  readonly target: number | null;
  /** ms, in the order of the runs. */
  readonly productMs: readonly number[];
  readonly baselineMs: readonly number[];
}

/** Ratios are taken within one run: what slows the machine down for a while slows both down. */
export function compare({ what, target, productMs, baselineMs }: Comparison): Row {
  const ratios = productMs.map((ms, i) => ms / (baselineMs[i] ?? NaN));
  const ratio = median(ratios);
  return {
    what,
    product: seconds(median(productMs)),
    baseline: seconds(median(baselineMs)),
    measured: ratio.toFixed(2),
    runs: ratios.map((each) => each.toFixed(2)).join(' '),
    target: target === null ? '-' : `<= ${target.toFixed(2)}`,
    met: target === null ? null : ratio <= target,
    ratios: { median: ratio, least: Math.min(...ratios), most: Math.max(...ratios), target },
  };
}

/** Less disturbed by what else the machine does than wall time is. */
export function cpuNote(product: readonly Pick<ProductRun, 'cpu'>[], baseline: readonly BaselineRun[]): string {
  const ours = median(product.map(({ cpu }) => cpu.nodeMs + cpu.childrenMs));
  const node = median(product.map(({ cpu }) => cpu.nodeMs));
  const theirs = median(baseline.map((run) => run.cpuMs));
  return `Processor time: bw-bkup ${seconds(ours)} (${seconds(node)} of it Node), baseline ${seconds(theirs)}; ratio ${(ours / theirs).toFixed(2)}.`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** The run whose time is the median one stands for all. */
export function phasesOf(what: string, runs: readonly ProductRun[]): PhaseReport {
  const run = middleOf(runs, (each) => each.wallMs);
  if (run === undefined) throw new RangeError('no runs');
  return { what, profile: run.profile, cpu: run.cpu, wallMs: run.wallMs, backups: run.manifests.length };
}

export function medianSteps(runs: readonly BaselineRun[]): { name: string; wallMs: number }[] {
  return (runs[0]?.steps ?? []).map(({ name }, i) => ({ name, wallMs: median(runs.map((run) => run.steps[i]?.wallMs ?? NaN)) }));
}
