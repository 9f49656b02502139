import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { run } from '../../../shared/process/index.js';
import { runSteps, type BaselineRun, type Step } from '../baseline.js';
import { BenchSite, type RestoreRun } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { compare, cpuNote, medianSteps, seconds, type CaseOptions, type CaseResult } from '../result.js';
import { median } from '../statistics.js';
import { makeSmallTree } from '../trees.js';

const GIB = 2 ** 30;

/** What is restored of a tree, and against what. */
interface RestoreCase {
  readonly name: string;
  readonly directories: number;
  /** Shards of the backup. */
  readonly shards: number;
  /** Of the tree; none = everything. */
  readonly path: string | null;
  readonly target: number;
}

/** A whole tree of small files from two archives, two slots, against one dar on one archive of all. */
export function restoreAll(options: CaseOptions): Promise<CaseResult> {
  return measureRestore(options, { name: 'restore', directories: options.quick ? 40 : 2000, shards: 2, path: null, target: 0.7 });
}

/** One file of many, against dar on one archive of all. */
export function restoreOne(options: CaseOptions): Promise<CaseResult> {
  return measureRestore(options, { name: 'restore-one', directories: options.quick ? 40 : 10_000, shards: 4, path: options.quick ? 'd00020/f00042' : 'd05000/f00042', target: 0.2 });
}

async function measureRestore(options: CaseOptions, { name, directories, shards, path, target }: RestoreCase): Promise<CaseResult> {
  const { dir, runs, quick, say, atEnd } = options;
  const tree = { directories, filesPerDirectory: 100, maxFileBytes: 2000 };
  const files = directories * tree.filesPerDirectory;
  await checkRoom(dir, quick ? GIB : files * 12_000, 2.3 * files);
  const [top, restored] = [join(dir, 'top'), join(dir, 'restored')];
  say(`making ${files} files`);
  await makeSmallTree(join(top, 'basepath'), tree);
  await mkdir(restored);
  const maxFiles = Math.ceil((files + directories) / shards) + tree.filesPerDirectory + 1;
  const site = await BenchSite.open({ dir: join(dir, 'site'), top, settings: { shards: { maxFiles }, restore: { allowedTargets: [restored] } } });
  atEnd(() => site.close());
  const manifest = (await site.backUp({ keep: true })).manifests[0] as Manifest;
  await runSteps([{ name: 'dar -c', script: 'exec dar -c "$1/all" -R "$2" -Q -N -az --fsa-scope=none >/dev/null', args: [dir, join(top, 'basepath')] }]);
  const product: RestoreRun[] = [];
  const baseline: BaselineRun[] = [];
  for (let i = 0; i < runs; i++) {
    const [ours, theirs] = [join(restored, 'ours'), join(restored, 'theirs')];
    const measured = await site.restore(manifest, ours, path === null ? [] : [path]);
    await mkdir(theirs);
    const byHand = await runSteps([extractStep(join(dir, 'all'), theirs, path)]);
    await run({ program: 'diff', args: ['-r', '--', ours, theirs] }); // both brought the same
    await run({ program: 'rm', args: ['-rf', '--', ours, theirs] });
    product.push(measured);
    baseline.push(byHand);
    say(`run ${i + 1}: ${measured.wallMs.toFixed(0)} ms (archives ${measured.partMs.join(', ')}, end ${measured.endMs}) against ${byHand.wallMs.toFixed(0)} ms`);
  }
  return {
    name,
    data: `${path === null ? 'all' : 'one'} of ${files} files of 0 to 2 kB in ${directories} directories`,
    how: `backed up as ${shards} archives, ${product[0]?.archives ?? 0} read; 2 slots, warm worker; slices hashed before, and what was restored compared with the index after; baseline: one dar on one archive of all`,
    rows: [compare({ what: path === null ? 'dar -x' : 'dar -x -g FILE', target, productMs: product.map(({ wallMs }) => wallMs), baselineMs: baseline.map(({ wallMs }) => wallMs) })],
    phases: [],
    steps: medianSteps(baseline),
    notes: [cpuNote(product, baseline), `Archives: ${seconds(median(product.map(({ partMs }) => Math.max(...partMs))))}, the slowest; end (directories, verification, metadata): ${seconds(median(product.map(({ endMs }) => endMs)))}.`],
  };
}

function extractStep(base: string, to: string, path: string | null): Step {
  const script = 'base=$1; to=$2; shift 2; exec dar -x "$base" -R "$to" -Q -N -wa --dirty-behavior no-warn "$@" >/dev/null';
  return { name: 'dar -x', script, args: [base, to, ...(path === null ? [] : ['-g', path])] };
}
