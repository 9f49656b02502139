import { backedUpBefore, RACY_WINDOW_MS } from '../backed-up-before.js';
import { runSteps } from '../baseline.js';
import type { ProductRun } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { compare, LONG_RUNS, type CaseOptions, type CaseResult } from '../result.js';
import { median } from '../statistics.js';

const TARGET = 0.25;

/** A million files of which none changed, against programs that have backed them up before too. */
export async function noChange({ dir, runs: wanted, quick, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const runs = Math.min(wanted, LONG_RUNS);
  const shape = { directories: quick ? 50 : 10_000, filesPerDirectory: 100, maxFileBytes: 4 };
  const files = shape.directories * shape.filesPerDirectory;
  await checkRoom(dir, 9000 * files, 1.2 * files);
  const { site, rivals } = await backedUpBefore({ dir, say, atEnd }, shape);
  const product: ProductRun[] = [];
  const rivalMs = new Map<string, number[]>(rivals.map(({ name }) => [name, []]));
  for (let i = 0; i < runs; i++) {
    product.push(await site.backUp({ level: 'incremental', keep: true }));
    for (const { name, again } of rivals) rivalMs.get(name)?.push((await runSteps([again(i)])).wallMs);
    const theirs = [...rivalMs].map(([name, ms]) => `${name} ${(ms.at(-1) ?? NaN).toFixed(0)} ms`).join(', ');
    say(`run ${i + 1}: ${(product.at(-1)?.wallMs ?? NaN).toFixed(0)} ms against ${theirs}`);
  }
  const productMs = product.map(({ wallMs }) => wallMs);
  return {
    name: 'no-change',
    data: `${files} files of 0 to 4 bytes in ${shape.directories} directories, backed up before by each program`,
    how: `nothing changed; one warm worker; index.racyWindow ${RACY_WINDOW_MS} ms, because the tree is young`,
    rows: rivals.map(({ name }) => compare({ what: name, target: TARGET, productMs, baselineMs: rivalMs.get(name) ?? [] })),
    phases: [], // nothing is saved
    steps: rivals.map(({ name }) => ({ name, wallMs: median(rivalMs.get(name) ?? []) })),
    notes: rivals.length === 3 ? [] : ['restic or borg is not installed here and was not measured.'],
  };
}
