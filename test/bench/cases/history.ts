import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ulid } from 'ulid';
import { openCatalog, type Catalog, type Manifest } from '../../../shared/catalog/index.js';
import { formatRecord, splitPath } from '../../../shared/index/format.js';
import { LineWriter } from '../../../shared/index/line-file.js';
import { tombstoneLine } from '../../../shared/index/tombstone.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { startGuarded, startPipeline } from '../../../shared/process/index.js';
import { writeSiteConfig } from '../bench-site.js';
import { MemoryWatch } from '../memory-watch.js';
import { seconds, type CaseOptions, type CaseResult, type Row } from '../result.js';
import { median } from '../statistics.js';

const LIMIT_MS = 3000;
const LIMIT_BYTES = 200_000_000;
const BACKUPS = 30;
const FILES_PER_DIRECTORY = 1000;
/** Changed in each incremental. */
const CHANGED = 2000;
const PROGRAM = fileURLToPath(new URL('../../../bin/bw-bkup.js', import.meta.url));

/** `find` and `history` over one full and 29 incrementals, as commands: start of the process and all. */
export async function history({ dir, quick, runs, say }: CaseOptions): Promise<CaseResult> {
  const files = quick ? 10_000 : 1_000_000;
  const config = await writeSiteConfig({ dir: join(dir, 'site'), top: join(dir, 'top') });
  say(`making the indexes of ${BACKUPS} backups of ${files} files`);
  const catalog = await openCatalog(join(dir, 'site/catalog'));
  await makeBackups(catalog, dir, files);
  const commands: readonly (readonly [what: string, args: readonly string[]])[] = [
    ['find, a name', ['find', 'file-00042.dat']],
    ['find, a pattern that matches a fiftieth', ['find', '*2[02].dat', '--basepath', 'bench']],
    ['find, what changed since the last backup', ['find', '**', '--since', instantOf(BACKUPS - 1)]],
    ['history', ['history', 'dir-0003/file-00042.dat', '--basepath', 'bench']],
  ];
  const rows: Row[] = [];
  for (const [what, args] of commands) rows.push(...(await measure(dir, what, [...args, '--config', config, '--json'], runs, say)));
  return {
    name: 'history',
    data: `indexes of 1 full of ${files} files and ${BACKUPS - 1} incrementals of ${CHANGED} changes each`,
    how: 'each command as a process of its own; peak is VmHWM of that process, the kernel\'s own high-water mark',
    rows,
    phases: [],
    steps: [],
    notes: [],
  };
}

async function measure(dir: string, what: string, args: readonly string[], runs: number, say: (text: string) => void): Promise<Row[]> {
  const times: number[] = [];
  let peak = 0;
  for (let run = 0; run < runs; run++) {
    const logFile = join(dir, 'output.log');
    const child = await startGuarded({ program: PROGRAM, args }, { logFile, stagingDir: dir });
    const watch = new MemoryWatch(child.pid);
    const exit = await child.exited.finally(() => { watch.stop(); });
    if (exit.code !== 0) throw new Error(`${args.join(' ')} ended with ${exit.code ?? exit.signal ?? '?'}:\n${await readFile(logFile, 'utf8')}`);
    times.push(exit.wallMs);
    peak = Math.max(peak, watch.peakBytes);
  }
  const ms = median(times);
  say(`${what}: ${seconds(ms)}, peak ${mb(peak)}`);
  const all = times.map(seconds).join(' ');
  return [
    { what, product: seconds(ms), baseline: '-', measured: seconds(ms), runs: all, target: `< ${seconds(LIMIT_MS)}`, met: ms < LIMIT_MS },
    { what: `${what}: memory`, product: mb(peak), baseline: '-', measured: mb(peak), runs: '-', target: `< ${mb(LIMIT_BYTES)}`, met: peak < LIMIT_BYTES },
  ];
}

const T0 = Date.UTC(2026, 0, 1);

function instantOf(backup: number): string {
  return new Date(T0 + backup * 86_400_000).toISOString();
}

async function makeBackups(catalog: Catalog, dir: string, files: number): Promise<void> {
  let parent: Manifest | null = null;
  for (let backup = 0; backup < BACKUPS; backup++) {
    const plain = join(dir, `index-${backup}`);
    const lines = await (backup === 0 ? writeFull(plain, files) : writeDifference(plain, files, backup));
    const index = `${plain}.zst`;
    await startPipeline([{ program: 'zstd', args: ['-q', '-3', '-c', '--rm', '--', plain] }], { stdoutFile: index }).done;
    parent = await sealOne(catalog, index, lines, backup, parent);
  }
}

async function writeFull(file: string, files: number): Promise<number> {
  const out = await LineWriter.create(file);
  out.add(lineOf('.', 'd', 0));
  for (let i = 0; i < files; i++) {
    if (i % FILES_PER_DIRECTORY === 0) out.add(lineOf(directoryOf(i), 'd', 0));
    out.add(lineOf(pathOf(i), 'f', 0));
    if (i % 2000 === 0) await out.drain();
  }
  await out.end();
  return out.lines - 1;
}

/** Every hundredth of the changes is a removal. */
async function writeDifference(file: string, files: number, backup: number): Promise<number> {
  const step = Math.floor(files / CHANGED);
  const out = await LineWriter.create(file);
  for (let i = 0; i < CHANGED; i++) {
    const path = pathOf(i * step + (backup % step));
    const key = `./${path.replace('/', '//')}/`;
    out.add(i % 100 === 99 ? tombstoneLine(key) : lineOf(path, 'f', backup));
  }
  await out.end();
  return CHANGED;
}

function directoryOf(i: number): string {
  return `dir-${String(Math.floor(i / FILES_PER_DIRECTORY)).padStart(4, '0')}`;
}

function pathOf(i: number): string {
  return `${directoryOf(i)}/file-${String(i % FILES_PER_DIRECTORY).padStart(5, '0')}.${['dat', 'txt', 'h5'][i % 3] ?? ''}`;
}

function lineOf(path: string, type: 'f' | 'd', backup: number): string {
  const at = 1_700_000_000 + backup;
  const fields = { size: String(path.length * 1000 + backup), mtime: `${at}.1234567890`, ctime: `${at}.1234567890`, inode: '65024:1234567', nlink: 1, mode: '644', uid: '1000', gid: '1000', blocks: '8' };
  return formatRecord({ ...splitPath(bytePath.of(path), type), type, ...fields, flags: '', archive: '1.1' });
}

async function sealOne(catalog: Catalog, index: string, records: number, backup: number, parent: Manifest | null): Promise<Manifest> {
  const backupId = ulid(T0 + backup * 86_400_000);
  const sha512 = createHash('sha512').update(await readFile(index)).digest('hex');
  const locations = { lts: { object: 'none', offset: 0, length: 1 } };
  const at = instantOf(backup);
  const slice = { number: 1, name: 'none.1.dar', bytes: 1, sha512, locations };
  const dar = { version: '-', exitCode: 0, host: 'bench', wallMs: 0, peakRssBytes: null, bytesPerSecond: 0, filesPerSecond: 0, lastError: null };
  const manifest: Manifest = {
    format: 'bw-bkup-manifest', version: 2, backupId, basepathId: 'bench', level: parent === null ? 'full' : 'incremental', parent: parent?.backupId ?? null, depth: backup, reason: 'a bench', shrunk: false,
    source: { topdir: '/bench', path: '/bench/basepath', readFrom: '/bench/basepath', fsType: 'tmpfs', fsId: '1', rootInode: '1', owner: '0' },
    policyHash: '-', startedAt: at, capturedAt: at, sealedAt: at, outcome: 'clean',
    counts: { records, directories: 1, sourceBytes: '0', archiveBytes: '0', exceptions: 0, vanished: 0, changedThenSaved: 0, changed: 0, removed: 0 },
    index: { name: `index-${backup}.zst`, bytes: (await stat(index)).size, sha512, locations },
    exceptions: null, logs: [],
    archives: parent === null ? [{ key: '1.1', name: 'none', kind: 'data', restoreOrder: 1, entries: records, directoriesWithEa: 0, withEa: 0, keyId: null, slices: [slice], catalogue: null, dar }] : [],
    software: { bwBkup: '-', node: process.version },
  };
  await catalog.seal({ manifest, files: [{ from: index, name: manifest.index.name }] });
  return manifest;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
