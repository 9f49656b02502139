import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { run, startGuarded } from '../../../shared/process/index.js';
import { checkRoom } from '../machine.js';
import { MemoryWatch } from '../memory-watch.js';
import { seconds, type CaseOptions, type CaseResult, type Row } from '../result.js';

const LIMIT_BYTES = 300_000_000;
/** Peaks of both sizes: what is left is the collector's slack, and a few bytes for each shard. */
const SAME_WITHIN = 1.2;
const PROGRAM = fileURLToPath(new URL('../plan-index.js', import.meta.url));

const plannedSchema = z.object({ records: z.number(), shards: z.number(), most: z.number(), hardlinkSets: z.number(), wallMs: z.number() });

type Measured = z.infer<typeof plannedSchema> & { readonly asked: number; readonly peakBytes: number };

/** Peak resident memory of a process that does nothing but plan an index that comes as a stream. */
export async function planning({ dir, quick, say }: CaseOptions): Promise<CaseResult> {
  const sizes = quick ? [20_000, 200_000] : [1_000_000, 10_000_000];
  await checkRoom(dir, Math.max(...sizes) * 250, 1000);
  const measured: Measured[] = [];
  for (const records of sizes) measured.push(await measure(dir, records, say));
  return {
    name: 'planning',
    data: `synthetic indexes of ${sizes.join(' and ')} records: directories of 100 files, a flat one with a third of all, one file in 20 linked into a directory half a tree away`,
    how: 'planShards in a process of its own; peak is VmHWM, the kernel\'s own high-water mark',
    rows: [...measured.map(limitRow), sameRow(measured)],
    phases: [],
    steps: [],
    notes: measured.map((each) => `${each.records} records: ${each.shards} shards of at most ${each.most} entries, ${each.hardlinkSets} hard-link sets, ${seconds(each.wallMs)}.`),
  };
}

async function measure(dir: string, records: number, say: (text: string) => void): Promise<Measured> {
  const outDir = join(dir, String(records));
  await mkdir(outDir);
  const logFile = join(dir, `${records}.log`);
  const child = await startGuarded({ program: process.execPath, args: [PROGRAM, String(records), outDir] }, { logFile, stagingDir: dir });
  const watch = new MemoryWatch(child.pid);
  const exit = await child.exited.finally(() => { watch.stop(); });
  const said = await readFile(logFile, 'utf8');
  if (exit.code !== 0) throw new Error(`planning ended with ${exit.code ?? exit.signal ?? '?'}:\n${said}`);
  await run({ program: 'rm', args: ['-rf', '--', outDir] });
  say(`${records} records: peak ${mb(watch.peakBytes)}`);
  return { asked: records, peakBytes: watch.peakBytes, ...plannedSchema.parse(JSON.parse(said.trim().split('\n').at(-1) ?? '')) };
}

function limitRow({ asked, peakBytes }: Measured): Row {
  return { what: `planning ${asked} records`, product: mb(peakBytes), baseline: '-', measured: mb(peakBytes), runs: '-', target: `< ${mb(LIMIT_BYTES)}`, met: peakBytes < LIMIT_BYTES };
}

function sameRow(measured: readonly Measured[]): Row {
  const [few, many] = measured.map((each) => each.peakBytes);
  const ratio = (many ?? NaN) / (few ?? NaN);
  const target = `<= ${SAME_WITHIN.toFixed(2)}`;
  return { what: 'many against few records', product: mb(many ?? NaN), baseline: mb(few ?? NaN), measured: ratio.toFixed(2), runs: '-', target, met: ratio <= SAME_WITHIN };
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
