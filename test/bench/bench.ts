import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { formatError, toBwError } from '../../shared/errors/bw-error.js';
import { killAll, run } from '../../shared/process/index.js';
import { bigFiles } from './cases/big-files.js';
import { due } from './cases/due.js';
import { globusTasks } from './cases/globus-tasks.js';
import { history } from './cases/history.js';
import { incremental } from './cases/incremental.js';
import { kills } from './cases/kills.js';
import { memory } from './cases/memory.js';
import { noChange } from './cases/no-change.js';
import { objects } from './cases/objects.js';
import { planning } from './cases/planning.js';
import { preemption } from './cases/preemption.js';
import { restoreAll, restoreOne } from './cases/restore.js';
import { restoreStart } from './cases/restore-start.js';
import { staging } from './cases/staging.js';
import { smallBasepaths } from './cases/small-basepaths.js';
import { smallFiles } from './cases/small-files.js';
import { transfers } from './cases/transfers.js';
import { keepProfilesIn } from './cpu-profile.js';
import { describeMachine } from './machine.js';
import { renderPlot } from './plot.js';
import { renderReport, type Report } from './report.js';
import type { CaseOptions, CaseResult } from './result.js';

const CASES: Readonly<Record<string, (options: CaseOptions) => Promise<CaseResult>>> = {
  'small-files': smallFiles,
  'big-files': bigFiles,
  'small-basepaths': smallBasepaths,
  incremental,
  'no-change': noChange,
  memory,
  planning,
  objects,
  restore: restoreAll,
  'restore-one': restoreOne,
  'restore-start': restoreStart,
  staging,
  history,
  due,
  preemption,
  kills,
  transfers,
  'globus-tasks': globusTasks,
};

interface Options {
  readonly dir: string;
  readonly runs: number;
  readonly only?: readonly string[];
  readonly quick?: boolean;
  readonly out?: string;
  readonly profile?: string;
}

/** Where results are kept; `npm run bench` runs in the root of the project. */
const KEPT = 'test/bench';
/** How long closing may take when interrupted, before what is left is killed. */
const CLOSE_MS = 10_000;

const program = new Command('bench')
  .description('Measures bw-bkup against the same work by hand.')
  .option('--dir <dir>', 'where everything is done; made, and removed at the end', `/dev/shm/bw-bench-${process.pid}`)
  .option('--runs <n>', 'how often each case is measured', positive, 5)
  .addOption(new Option('--only <case...>', 'only these cases').choices(Object.keys(CASES)))
  .option('--quick', 'tiny sizes, once: does the bench itself work?')
  .option('--out <dir>', `where results.md, results.json and results.svg go (default: ${KEPT}, for a complete run; else nowhere)`)
  .option('--profile <dir>', 'keep a CPU profile of this process for every run of the product (warm-ups too): slower, not for results');

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a whole number from 1');
  return number;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** What is open now, to be closed in reverse order. */
const open: (() => Promise<void>)[] = [];

async function closeAll(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

async function removeDir(dir: string): Promise<void> {
  await run({ program: 'rm', args: ['-rf', '--', dir] }); // a million files: rm needs seconds, fs.rm minutes
}

async function runCase(name: string, options: Options): Promise<CaseResult> {
  const dir = join(options.dir, name);
  await mkdir(dir, { mode: 0o700 });
  try {
    const quick = options.quick === true;
    const measure = CASES[name] as (typeof CASES)[string];
    return await measure({ dir, quick, runs: quick ? 1 : options.runs, say: (text) => { say(`${name}: ${text}`); }, atEnd: (close) => open.push(close) });
  } finally {
    await closeAll();
    await removeDir(dir);
  }
}

async function benchmark(options: Options): Promise<void> {
  if (options.profile !== undefined) {
    await mkdir(options.profile, { recursive: true });
    keepProfilesIn(options.profile);
  }
  await mkdir(options.dir, { mode: 0o700 }); // must be new: it is removed at the end
  const stopListening = cleanUpWhenInterrupted(options.dir);
  try {
    const machine = await describeMachine(options.dir);
    const cases: CaseResult[] = [];
    for (const name of options.only ?? Object.keys(CASES)) cases.push(await runCase(name, options));
    const quick = options.quick === true;
    await publish({ v: 1, machine, runs: quick ? 1 : options.runs, quick, cases }, outDir(options));
  } finally {
    await removeDir(options.dir);
    stopListening();
  }
}

/** A part of the cases, or tiny ones, must not replace results that are complete. */
function outDir({ out, only, quick, profile }: Options): string | null {
  if (out !== undefined) return out;
  return only === undefined && quick !== true && profile === undefined ? KEPT : null;
}

async function publish(report: Report, dir: string | null): Promise<void> {
  const text = renderReport(report);
  process.stdout.write(text);
  if (dir === null) return;
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'results.md'), text);
  await writeFile(join(dir, 'results.svg'), renderPlot(report.cases));
  await writeFile(join(dir, 'results.json'), `${JSON.stringify(report, null, 2)}\n`);
}

/** Set by Ctrl-C: everything that fails from then on fails because of it. */
let cleaningUp: Promise<void> | null = null;

/** Ctrl-C: close what is open, end what runs, remove everything. Returns what takes the listeners away. */
function cleanUpWhenInterrupted(dir: string): () => void {
  const interrupt = (signal: NodeJS.Signals): void => {
    if (cleaningUp !== null) return;
    say(`${signal}: cleaning up`);
    cleaningUp = cleanUp(dir).finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  return () => {
    for (const signal of signals) process.off(signal, interrupt);
  };
}

async function cleanUp(dir: string): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS));
  await Promise.race([closeAll().catch((thrown: unknown) => { say(String(thrown)); }), late]);
  await killAll({ graceMs: CLOSE_MS });
  await removeDir(dir);
}

async function main(): Promise<void> {
  await program.parseAsync();
  try {
    await benchmark(program.opts<Options>());
  } catch (thrown) {
    if (cleaningUp !== null) await cleaningUp;
    say(formatError(toBwError(thrown)));
    process.exitCode = 1;
  }
}

await main();
