import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hashedSteps, runSteps, type BaselineRun } from '../baseline.js';
import { BenchSite, type ProductRun } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { compare, cpuNote, medianSteps, phasesOf, type CaseOptions, type CaseResult } from '../result.js';
import { makeBigFiles } from '../trees.js';

const MIB = 2 ** 20;

/** One basepath of big files, in two shards and in one, against dar, cp and sha512sum by hand. */
export async function bigFiles({ dir, runs, quick, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const files = quick ? 10 : 30;
  const fileBytes = quick ? 2_000_000 : 100_000_000;
  const sliceBytes = quick ? 4 * MIB : 256 * MIB;
  const bytes = files * fileBytes;
  await checkRoom(dir, 3.5 * bytes, 1000);
  const top = join(dir, 'top');
  say(`making ${files} files of ${fileBytes} bytes`);
  await makeBigFiles(join(top, 'basepath'), files, fileBytes, 5);
  const open = async (name: string, maxSize: number): Promise<BenchSite> => {
    const settings = { dar: { sliceSize: sliceBytes }, shards: { maxSize } };
    const site = await BenchSite.open({ dir: join(dir, name), top, settings });
    atEnd(() => site.close());
    return site;
  };
  const two = await open('two-shards', Math.ceil(bytes / 2));
  const one = await open('one-shard', bytes);
  const measured: { two: ProductRun; one: ProductRun; baseline: BaselineRun }[] = [];
  for (let i = 0; i < runs; i++) {
    const inTwo = await two.backUp();
    const out = join(dir, 'baseline');
    await mkdir(out);
    const baseline = await runSteps(hashedSteps({ tree: join(top, 'basepath'), out }, sliceBytes));
    await rm(out, { recursive: true });
    const inOne = await one.backUp();
    measured.push({ two: inTwo, one: inOne, baseline });
    say(`run ${i + 1}: ${inTwo.wallMs.toFixed(0)} ms (one shard ${inOne.wallMs.toFixed(0)} ms) against ${baseline.wallMs.toFixed(0)} ms`);
  }
  const baselineMs = measured.map((run) => run.baseline.wallMs);
  return {
    name: 'big-files',
    data: `${(bytes / 1e9).toFixed(2)} GB of random bytes in ${files} files of ${fileBytes / 1e6} MB`,
    how: `slices of ${sliceBytes / MIB} MiB, 2 slots, warm worker; baseline: dar -c --hash sha512 with the same slices, cp, sha512sum of the copies`,
    rows: [
      compare({ what: 'two shards', target: 0.8, productMs: measured.map((run) => run.two.wallMs), baselineMs }),
      compare({ what: 'one shard', target: null, productMs: measured.map((run) => run.one.wallMs), baselineMs }),
    ],
    phases: [phasesOf('two shards', measured.map((run) => run.two)), phasesOf('one shard', measured.map((run) => run.one))],
    steps: medianSteps(measured.map((run) => run.baseline)),
    notes: [cpuNote(measured.map((run) => run.two), measured.map((run) => run.baseline))],
  };
}
