import { join } from 'node:path';
import { diskUse } from '../../../worker/staging/disk-use.js';
import { BenchSite, type ProductRun } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { compare, phasesOf, type CaseOptions, type CaseResult } from '../result.js';
import { makeBigFiles } from '../trees.js';

const MIB = 2 ** 20;
const LOOK_MS = 5;

/** A full ten times as large as the staging budget, against the same with room for all of it. */
export async function staging({ dir, runs, quick, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const files = quick ? 50 : 30;
  const fileBytes = quick ? 10_000_000 : 100_000_000;
  const sliceBytes = (quick ? 4 : 16) * MIB;
  const bytes = files * fileBytes;
  const budget = bytes / 10;
  await checkRoom(dir, 3.5 * bytes, 1000);
  const top = join(dir, 'top');
  say(`making ${files} files of ${fileBytes} bytes`);
  await makeBigFiles(join(top, 'basepath'), files, fileBytes, 5);
  const open = async (name: string, budgetBytes: number): Promise<BenchSite> => {
    const settings = {
      staging: { dir: join(dir, name, 'staging'), budget: String(budgetBytes) },
      dar: { sliceSize: sliceBytes },
      shards: { maxSize: Math.ceil(bytes / 2), maxFiles: 10_000 },
    };
    const site = await BenchSite.open({ dir: join(dir, name), top, settings });
    atEnd(() => site.close());
    return site;
  };
  const tight = await open('tight', budget);
  const roomy = await open('roomy', 2 * bytes);
  const measured: { tight: ProductRun; roomy: ProductRun; peak: number; peakOfRoomy: number }[] = [];
  for (let i = 0; i < runs; i++) {
    const inTight = await withPeak(join(dir, 'tight', 'staging'), () => tight.backUp());
    const inRoomy = await withPeak(join(dir, 'roomy', 'staging'), () => roomy.backUp());
    measured.push({ tight: inTight.run, roomy: inRoomy.run, peak: inTight.peak, peakOfRoomy: inRoomy.peak });
    say(`run ${i + 1}: ${inTight.run.wallMs.toFixed(0)} ms, staged at most ${mb(inTight.peak)}, against ${inRoomy.run.wallMs.toFixed(0)} ms, ${mb(inRoomy.peak)}`);
  }
  return {
    name: 'staging',
    data: `${(bytes / 1e9).toFixed(2)} GB of random bytes in ${files} files of ${fileBytes / 1e6} MB, two shards`,
    how: `staging.budget ${mb(budget)}, slices of ${sliceBytes / MIB} MiB, 2 slots, warm worker; baseline: the same with ${mb(2 * bytes)}`,
    rows: [compare({ what: 'a tenth of the data', target: 1.15, productMs: measured.map((run) => run.tight.wallMs), baselineMs: measured.map((run) => run.roomy.wallMs) })],
    phases: [phasesOf('tight', measured.map((run) => run.tight)), phasesOf('roomy', measured.map((run) => run.roomy))],
    steps: [],
    notes: [`Staged at most, looked at every ${LOOK_MS} ms: ${measured.map(({ peak }) => mb(peak)).join(', ')}; without a budget ${measured.map(({ peakOfRoomy }) => mb(peakOfRoomy)).join(', ')}.`],
  };
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

async function withPeak(dir: string, work: () => Promise<ProductRun>): Promise<{ run: ProductRun; peak: number }> {
  let peak = 0;
  let looking: Promise<void> | null = null;
  const timer = setInterval(() => {
    looking ??= diskUse(dir)
      .then((bytes) => { peak = Math.max(peak, bytes); }, () => undefined) // swept while we look
      .finally(() => { looking = null; });
  }, LOOK_MS);
  const run = await work().finally(() => { clearInterval(timer); });
  return { run, peak };
}
