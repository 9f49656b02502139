import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runSteps, safeSteps, timeOf, type BaselineRun } from '../baseline.js';
import { BenchSite, type ProductRun } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { compare, cpuNote, medianSteps, phasesOf, type CaseOptions, type CaseResult } from '../result.js';
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
  for (let i = 0; i < runs; i++) {
    const ours = await site.backUp();
    const out = join(dir, 'baseline');
    await mkdir(out);
    const theirs = await runSteps(safeSteps({ tree: join(top, 'basepath'), out }));
    await rm(out, { recursive: true });
    product.push(ours);
    baseline.push(theirs);
    say(`run ${i + 1}: ${ours.wallMs.toFixed(0)} ms against ${theirs.wallMs.toFixed(0)} ms`);
  }
  const productMs = product.map((run) => run.wallMs);
  return {
    name: 'small-files',
    data: `${files} files of 0 to 2 kB in ${tree.directories} directories`,
    how: `${product[0]?.manifests[0]?.archives.length ?? 0} archives (one of them the basepath's own metadata), 2 slots, warm worker; baseline in one process after the other`,
    rows: [
      compare({ what: `list, dar -c, dar -C, dar -l, cp, sha512sum`, target: 0.85, productMs, baselineMs: baseline.map((run) => run.wallMs) }),
      compare({ what: `bare dar -c, cp, sha512sum`, target: 1.3, productMs, baselineMs: baseline.map((run) => timeOf(run, BARE)) }),
    ],
    phases: [phasesOf('two shards', product)],
    steps: medianSteps(baseline),
    notes: [cpuNote(product, baseline), 'The bare baseline is those steps of the same run.'],
  };
}
