import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { backedUpBefore, RACY_WINDOW_MS } from '../backed-up-before.js';
import { runSteps } from '../baseline.js';
import type { BenchSite, ProductRun } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { compare, phasesOf, type CaseOptions, type CaseResult, type Row } from '../result.js';
import { againName, DAR_AGAIN, type Rival } from '../rivals.js';
import { median } from '../statistics.js';

const GIB = 2 ** 30;
const CHANGED = 100;
/** Of what dar adds, which is a whole catalogue. */
const GROWTH = 0.01;

interface Site {
  readonly site: BenchSite;
  readonly tree: string;
  /** Of the rivals. */
  readonly out: string;
  readonly runs: number;
  readonly say: (text: string) => void;
}

interface Measured {
  readonly product: ProductRun[];
  readonly rivalMs: Map<string, number[]>;
  /** Per run: bytes added to long-term storage and catalog, over those of dar's archive. */
  readonly growth: number[];
}

/** A basepath of many small files of which none, or few, changed, against programs that have backed it up before too. */
export async function incremental({ dir, runs, quick, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const shape = { directories: quick ? 100 : 2000, filesPerDirectory: 100, maxFileBytes: 2000 };
  const files = shape.directories * shape.filesPerDirectory;
  await checkRoom(dir, quick ? GIB : 6 * GIB, 4 * files);
  const { site, tree, out, rivals } = await backedUpBefore({ dir, say, atEnd }, shape);
  const where = { site, tree, out, runs, say };
  const unchanged = await measure(where, rivals, 0);
  const changed = await measure(where, rivals, CHANGED);
  return {
    name: 'incremental',
    data: `${files} files of 0 to 2 kB in ${shape.directories} directories, backed up before by each program`,
    how: `nothing changed; then ${CHANGED} files rewritten before each run; one warm worker; index.racyWindow ${RACY_WINDOW_MS} ms, because the tree is young`,
    rows: [
      ...rivals.map(({ name }) => rowOf('nothing changed', unchanged, name, 0.25)),
      growthRow(unchanged),
      ...rivals.map(({ name }) => rowOf(`${CHANGED} changed`, changed, name, name === DAR_AGAIN ? 0.4 : null)),
    ],
    phases: [phasesOf(`${CHANGED} changed`, changed.product)],
    steps: rivals.map(({ name }) => ({ name, wallMs: median(unchanged.rivalMs.get(name) ?? []) })),
    notes: rivals.length === 3 ? [] : ['restic or borg is not installed here and was not measured.'],
  };
}

async function measure(where: Site, rivals: readonly Rival[], changes: number): Promise<Measured> {
  const { site, tree, out, runs, say } = where;
  const measured: Measured = { product: [], rivalMs: new Map(rivals.map(({ name }) => [name, []])), growth: [] };
  for (let i = 0; i < runs; i++) {
    const number = changes + i; // names of archives must be new
    if (changes > 0) await rewrite(tree, changes, i);
    await delay(RACY_WINDOW_MS);
    const before = await site.storedBytes();
    const ours = await site.backUp({ level: 'incremental', keep: true });
    const grown = (await site.storedBytes()) - before;
    for (const { name, again } of rivals) measured.rivalMs.get(name)?.push((await runSteps([again(number)])).wallMs);
    const { size } = await stat(join(out, `${againName(number)}.1.dar`));
    measured.product.push(ours);
    measured.growth.push(grown / size);
    const theirs = [...measured.rivalMs].map(([name, ms]) => `${name} ${(ms.at(-1) ?? NaN).toFixed(0)} ms`).join(', ');
    say(`${changes} changed, run ${i + 1}: ${ours.wallMs.toFixed(0)} ms against ${theirs}; ${grown} against ${size} bytes more`);
  }
  return measured;
}

function rowOf(what: string, { product, rivalMs }: Measured, name: string, target: number | null): Row {
  return compare({ what: `${what} / ${name}`, target, productMs: product.map(({ wallMs }) => wallMs), baselineMs: rivalMs.get(name) ?? [] });
}

function growthRow({ growth }: Measured): Row {
  const share = median(growth);
  const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
  return { what: 'nothing changed: bytes added / dar', product: '-', baseline: '-', measured: percent(share), runs: growth.map(percent).join(' '), target: `< ${percent(GROWTH)}`, met: share < GROWTH };
}

/** Other files in every round, one in every so many directories. */
async function rewrite(tree: string, count: number, round: number): Promise<void> {
  const directories = (await readdir(tree)).sort();
  for (let i = 0; i < count; i++) {
    const directory = join(tree, directories[Math.floor((i * directories.length) / count)] ?? '');
    const name = (await readdir(directory)).sort()[round] ?? '';
    await writeFile(join(directory, name), `changed in round ${round}\n`);
  }
}
