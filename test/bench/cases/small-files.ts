import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runSteps, safeSteps, timeOf, type BaselineRun, type Step } from '../baseline.js';
import { BenchSite, type ProductRun } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { compare, cpuNote, medianSteps, phasesOf, type CaseOptions, type CaseResult } from '../result.js';
import { otherRivals } from '../rivals.js';
import { median } from '../statistics.js';
import { makeSmallTree } from '../trees.js';

const BARE = ['dar -c', 'cp', 'sha512sum'];
const GIB = 2 ** 30;

/** One basepath of many small files, in two shards for the two slots, against the same work by hand. */
export async function smallFiles({ dir, runs, quick, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const tree = { directories: quick ? 40 : 2000, filesPerDirectory: 100, maxFileBytes: 2000 };
  const files = tree.directories * tree.filesPerDirectory;
  await checkRoom(dir, quick ? GIB : 4 * GIB, 2 * files);
  const top = join(dir, 'top');
  say(`making ${files} files`);
  await makeSmallTree(join(top, 'basepath'), tree);
  // A shard ends between directories: half of all records and room for one directory more.
  const maxFiles = Math.ceil((files + tree.directories) / 2) + tree.filesPerDirectory + 1;
  const site = await BenchSite.open({ dir: join(dir, 'site'), top, settings: { shards: { maxFiles } } });
  atEnd(() => site.close());
  const product: ProductRun[] = [];
  const baseline: BaselineRun[] = [];
  const others = new Map<string, number[]>();
  for (let i = 0; i < runs; i++) {
    const ours = await site.backUp();
    const theirs = await inOut(dir, (out) => runSteps(safeSteps({ tree: join(top, 'basepath'), out })));
    product.push(ours);
    baseline.push(theirs);
    const also = await measureOthers(dir, join(top, 'basepath'));
    for (const [name, ms] of also) others.set(name, [...(others.get(name) ?? []), ms]);
    say(`run ${i + 1}: ${ours.wallMs.toFixed(0)} ms against ${theirs.wallMs.toFixed(0)} ms; ${[...also].map(([name, ms]) => `${name} ${ms.toFixed(0)} ms`).join(', ')}`);
  }
  const productMs = product.map((run) => run.wallMs);
  return {
    name: 'small-files',
    data: `${files} files of 0 to 2 kB in ${tree.directories} directories`,
    how: `${product[0]?.manifests[0]?.archives.length ?? 0} archives (one of them the basepath's own metadata), 2 slots, warm worker; baseline in one process after the other`,
    rows: [
      compare({ what: `list, dar -c, dar -C, dar -l, cp, sha512sum`, target: 0.7, productMs, baselineMs: baseline.map((run) => run.wallMs) }),
      compare({ what: `bare dar -c, cp, sha512sum`, target: 1.15, productMs, baselineMs: baseline.map((run) => timeOf(run, BARE)) }),
      ...[...others].map(([what, baselineMs]) => compare({ what, target: what === PDBKUP ? 0.9 : 0.8, productMs, baselineMs })),
    ],
    phases: [phasesOf('two shards', product)],
    steps: [...medianSteps(baseline), ...[...others].map(([name, ms]) => ({ name, wallMs: median(ms) }))],
    notes: [cpuNote(product, baseline), 'The bare baseline is those steps of the same run.', ...(others.size === 3 ? [] : ['restic or borg is not installed here and was not measured.'])],
  };
}

const PDBKUP = 'as pdbkup did it';
/** As many bins as the product has slots here. */
const BINS = '2';

/** Time of a first backup by each of the others, ms. */
async function measureOthers(dir: string, tree: string): Promise<Map<string, number>> {
  const measured = new Map<string, number>();
  const measure = async (prepare: Step | null, step: Step): Promise<void> => {
    if (prepare !== null) await runSteps([prepare]);
    measured.set(step.name, (await runSteps([step])).wallMs);
  };
  await inOut(dir, async (out) => {
    for (const { prepare, first } of await otherRivals(tree, out)) await measure(prepare, first);
  });
  await inOut(dir, (out) => measure(null, { name: PDBKUP, script: 'exec sh "$@"', args: [resolve('test/bench/pdbkup-way.sh'), tree, out, BINS] }));
  return measured;
}

/** Does `work` with an empty directory, which is removed afterwards. */
async function inOut<T>(dir: string, work: (out: string) => Promise<T>): Promise<T> {
  const out = join(dir, 'out');
  await mkdir(out);
  try {
    return await work(out);
  } finally {
    await rm(out, { recursive: true });
  }
}
