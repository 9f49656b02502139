import { FILE_FORMAT } from '../../shared/index/find-command.js';
import { startPipeline } from '../../shared/process/index.js';
import { cpuSince, cpuTime } from './cpu-time.js';

/** One step of what an administrator would do by hand. */
export interface Step {
  readonly name: string;
  /** Arguments are $1, $2 ... of the script. */
  readonly script: string;
  readonly args: readonly string[];
}

export interface BaselineRun {
  readonly wallMs: number;
  /** Processor time of the programs. */
  readonly cpuMs: number;
  readonly steps: readonly { readonly name: string; readonly wallMs: number }[];
}

/** Options every dar of ours has for safety, so that the baseline does the same work. */
export const DAR_OPTIONS = ['-Q', '-N', '-az', '--fsa-scope=none'] as const;

/** One step after the other; a step that fails fails the benchmark. */
export async function runSteps(steps: readonly Step[]): Promise<BaselineRun> {
  const done: { name: string; wallMs: number }[] = [];
  const before = cpuTime();
  for (const { name, script, args } of steps) {
    const { wallMs } = await runScript(script, args);
    done.push({ name, wallMs });
  }
  return { wallMs: done.reduce((sum, step) => sum + step.wallMs, 0), cpuMs: cpuSince(before).childrenMs, steps: done };
}

/** Time of some of the steps of a run. */
export function timeOf(baseline: BaselineRun, names: readonly string[]): number {
  return baseline.steps.filter((step) => names.includes(step.name)).reduce((sum, step) => sum + step.wallMs, 0);
}

/** A pipeline, because ending one (Ctrl-C) ends what its shell started too. */
async function runScript(script: string, args: readonly string[]): Promise<{ wallMs: number }> {
  const startedAt = performance.now();
  const { stdout, done } = startPipeline([{ program: 'sh', args: ['-ec', script, 'sh', ...args] }]);
  stdout.resume();
  const [stage] = await done;
  if (stage?.status.code === 0) return { wallMs: performance.now() - startedAt };
  throw new Error(`the baseline failed (${JSON.stringify(stage?.status)}): ${script}\n${stage?.stderr.toString('utf8') ?? ''}`);
}

export interface Place {
  /** Directory that is saved. */
  readonly tree: string;
  /** Where the baseline writes; empty. */
  readonly out: string;
}

/** What it takes to list, save, isolate, read the catalogue back, bring away and verify, one after the other. */
export function safeSteps({ tree, out }: Place): Step[] {
  return [
    { name: 'find | sort', script: 'cd -- "$1"; find . -xdev -printf "$2" | sort -z >"$3/list"', args: [tree, FILE_FORMAT, out] },
    { name: 'dar -c', script: CREATE, args: [out, tree, ...DAR_OPTIONS] },
    { name: 'dar -C', script: 'exec dar -C "$1/cat" -A "$1/full" -Q -N >"$1/cat.log" 2>&1', args: [out] },
    { name: 'dar -l', script: 'exec dar -l "$1/full" -Q -N -Txml -ay >"$1/full.xml" 2>"$1/xml.log"', args: [out] },
    ...copySteps(out),
  ];
}

/** `hash` and `sliceBytes` as the product has them. */
export function hashedSteps({ tree, out }: Place, sliceBytes: number): Step[] {
  const create = { name: 'dar -c', script: CREATE, args: [out, tree, ...DAR_OPTIONS, '--hash', 'sha512', '-s', String(sliceBytes)] };
  return [create, ...copySteps(out)];
}

const CREATE = 'out=$1; tree=$2; shift 2; exec dar -c "$out/full" -R "$tree" "$@" >"$out/full.log" 2>&1';

function copySteps(out: string): Step[] {
  return [
    { name: 'cp', script: 'mkdir "$1/lts"; exec cp -- "$1"/full.*.dar "$1/lts"', args: [out] },
    { name: 'sha512sum', script: 'exec sha512sum -- "$1"/lts/full.*.dar >"$1/sums"', args: [out] },
  ];
}

/**
 * The same steps for every basepath named, two loops at a time with half of the names each: no program is started
 * that the work does not need.
 */
export async function runLoops(top: string, out: string, names: readonly string[]): Promise<BaselineRun> {
  const startedAt = performance.now();
  const before = cpuTime();
  const halves = [0, 1].map((half) => names.filter((_, i) => i % 2 === half));
  await Promise.all(halves.map((half) => runScript(LOOP, [top, out, FILE_FORMAT, ...half])));
  return { wallMs: performance.now() - startedAt, cpuMs: cpuSince(before).childrenMs, steps: [] };
}

const LOOP = `
top=$1; out=$2; format=$3; shift 3
mkdir -p "$out/lts"
for name; do
  cd -- "$top/$name"
  find . -xdev -printf "$format" | sort -z | zstd -q -o "$out/$name.list.zst"
  dar -c "$out/$name" -R "$top/$name" ${DAR_OPTIONS.join(' ')} >"$out/$name.log" 2>&1
  dar -C "$out/$name.cat" -A "$out/$name" -Q -N >>"$out/$name.log" 2>&1
  dar -l "$out/$name" -Q -N -Txml -ay >"$out/$name.xml" 2>>"$out/$name.log"
  cp -- "$out/$name.1.dar" "$out/lts/"
  sha512sum -- "$out/lts/$name.1.dar" >"$out/$name.sums"
done`;
