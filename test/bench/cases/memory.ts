import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCatalog, type Manifest } from '../../../shared/catalog/index.js';
import { run, startGuarded } from '../../../shared/process/index.js';
import { writeSiteConfig } from '../bench-site.js';
import { checkRoom } from '../machine.js';
import { MemoryWatch } from '../memory-watch.js';
import { seconds, type CaseOptions, type CaseResult, type Row } from '../result.js';
import { makeSmallTree } from '../trees.js';

const LIMIT_BYTES = 200_000_000;
/** The peaks of both sizes differ by less than this: the collector's slack, not the number of files. */
const SAME_WITHIN = 1.25;
const FILES_PER_DIRECTORY = 100;
const PROGRAM = fileURLToPath(new URL('../../../bin/bw-bkup.js', import.meta.url));

interface Measured {
  readonly files: number;
  readonly peakBytes: number;
  readonly medianBytes: number;
  readonly darPeakBytes: number;
  readonly wallMs: number;
}

/** Peak resident memory of the product's own process, which is a fresh one without any of this code. */
export async function memory({ dir, quick, say }: CaseOptions): Promise<CaseResult> {
  const sizes = quick ? [500, 5000] : [20_000, 1_000_000];
  // An inode of tmpfs takes about 1 kB of memory; most files are empty, archives and catalogues hold the rest.
  await checkRoom(dir, Math.max(...sizes) * 3000, 1.1 * Math.max(...sizes));
  const measured: Measured[] = [];
  for (const files of sizes) {
    const own = join(dir, String(files));
    await mkdir(own);
    measured.push(await measure(own, files, say));
    await run({ program: 'rm', args: ['-rf', '--', own] }); // fs.rm needs minutes and gigabytes for a million files
  }
  return {
    name: 'memory',
    data: `${sizes.join(' and ')} files of 0 to 4 bytes, ${FILES_PER_DIRECTORY} in each directory`,
    how: 'bw-bkup standalone --once as a process of its own; peak is VmHWM, the kernel\'s own high-water mark',
    rows: [...measured.map(limitRow), sameRow(measured)],
    phases: [],
    steps: [],
    notes: measured.map(
      ({ files, medianBytes, darPeakBytes, wallMs }) =>
        `${files} files: ${seconds(wallMs)} with start and end; resident memory half of that time above ${mb(medianBytes)}; largest dar ${mb(darPeakBytes)}.`,
    ),
  };
}

async function measure(dir: string, files: number, say: (text: string) => void): Promise<Measured> {
  say(`making ${files} files`);
  const top = join(dir, 'top');
  await makeSmallTree(join(top, 'basepath'), { directories: files / FILES_PER_DIRECTORY, filesPerDirectory: FILES_PER_DIRECTORY, maxFileBytes: 4 });
  const site = join(dir, 'site');
  const config = await writeSiteConfig({ dir: site, top });
  const logFile = join(dir, 'output.log');
  const command = { program: PROGRAM, args: ['standalone', '--once', '--config', config, '--json'] };
  const child = await startGuarded(command, { logFile, stagingDir: dir });
  const watch = new MemoryWatch(child.pid);
  const exit = await child.exited.finally(() => { watch.stop(); });
  if (exit.code !== 0) throw new Error(`standalone ended with ${exit.code ?? exit.signal ?? '?'}:\n${await readFile(logFile, 'utf8')}`);
  const manifest = await manifestOf(site, files);
  const darPeakBytes = Math.max(...manifest.archives.map((archive) => archive.dar.peakRssBytes ?? 0));
  say(`${files} files: peak ${mb(watch.peakBytes)}`);
  return { files, peakBytes: watch.peakBytes, medianBytes: watch.medianBytes(), darPeakBytes, wallMs: exit.wallMs };
}

/** Exit code 0 is not proof: all files must be in a sealed, clean backup. */
async function manifestOf(site: string, files: number): Promise<Manifest> {
  const catalog = await openCatalog(join(site, 'catalog'), { create: false });
  for await (const listed of catalog.listBackups()) {
    if (!listed.ok) throw listed.error;
    const { counts, outcome } = listed.manifest;
    if (outcome === 'clean' && counts.records - counts.directories === files) return listed.manifest;
  }
  throw new Error(`no clean backup of ${files} files was sealed`);
}

function limitRow({ files, peakBytes }: Measured): Row {
  const met = peakBytes < LIMIT_BYTES;
  return { what: `${files} files`, product: mb(peakBytes), baseline: '-', measured: mb(peakBytes), runs: '-', target: `< ${mb(LIMIT_BYTES)}`, met };
}

function sameRow(measured: readonly Measured[]): Row {
  const [few, many] = measured.map((each) => each.peakBytes);
  const ratio = (many ?? NaN) / (few ?? NaN);
  const target = `<= ${SAME_WITHIN.toFixed(2)}`;
  return { what: 'many against few files', product: mb(many ?? NaN), baseline: mb(few ?? NaN), measured: ratio.toFixed(2), runs: '-', target, met: ratio <= SAME_WITHIN };
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
