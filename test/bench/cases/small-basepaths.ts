import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runLoops, type BaselineRun } from '../baseline.js';
import { BenchSite, type ProductRun } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { compare, cpuNote, LONG_RUNS, phasesOf, type CaseOptions, type CaseResult } from '../result.js';
import { median } from '../statistics.js';
import { makeBasepaths } from '../trees.js';

/** Many basepaths of a few files: what a backup costs besides its data. */
export async function smallBasepaths({ dir, runs: wanted, quick, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const runs = Math.min(wanted, LONG_RUNS);
  const count = quick ? 10 : 1000;
  const filesPerDirectory = 20;
  await checkRoom(dir, 2 ** 30, 100 * count);
  const top = join(dir, 'top');
  const names = await makeBasepaths(top, count, { filesPerDirectory, maxFileBytes: 2000 });
  const site = await BenchSite.open({ dir: join(dir, 'site'), top });
  atEnd(() => site.close());
  const product: ProductRun[] = [];
  const baseline: BaselineRun[] = [];
  for (let i = 0; i < runs; i++) {
    const ours = await site.backUp();
    const out = join(dir, 'baseline');
    await mkdir(out);
    const theirs = await runLoops(top, out, names);
    await checkLoops(out, names);
    await rm(out, { recursive: true });
    product.push(ours);
    baseline.push(theirs);
    say(`run ${i + 1}: ${ours.wallMs.toFixed(0)} ms against ${theirs.wallMs.toFixed(0)} ms`);
  }
  const productMs = product.map((run) => run.wallMs);
  return {
    name: 'small-basepaths',
    data: `${count} basepaths of ${filesPerDirectory} files of 0 to 2 kB`,
    how: '2 slots, warm worker; baseline: two shell loops at a time, for each basepath find | sort | zstd, dar -c, dar -C, dar -l, cp, sha512sum',
    rows: [compare({ what: 'two loops', target: 1.8, productMs, baselineMs: baseline.map((run) => run.wallMs) })],
    phases: [phasesOf('mean of one basepath', product)],
    steps: [],
    notes: [`One basepath takes bw-bkup ${(median(productMs) / count).toFixed(1)} ms, of two at a time.`, cpuNote(product, baseline)],
  };
}

/** The exit code of a pipeline is that of its last program: see that every list and sum is there. */
async function checkLoops(out: string, names: readonly string[]): Promise<void> {
  const made = new Set(await readdir(out));
  for (const name of names) {
    for (const file of [`${name}.list.zst`, `${name}.xml`, `${name}.cat.1.dar`, `${name}.sums`]) {
      if (!made.has(file) || (await stat(join(out, file))).size < 20) throw new Error(`the baseline did not make ${file}`);
    }
  }
}
