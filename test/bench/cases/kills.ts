import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { enqueueBackup } from '../../../producer/scheduler/enqueue.js';
import { watchJobs } from '../../../producer/scheduler/watch-jobs.js';
import { openCatalog, type Catalog } from '../../../shared/catalog/index.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import type { Config } from '../../../shared/config/config.js';
import { loadConfig } from '../../../shared/config/load-config.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { TIMING, type QueueTiming } from '../../../shared/queues/options.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { workerConnection } from '../../../shared/redis/connect.js';
import { startEmbeddedRedis } from '../../../shared/redis/embedded.js';
import { writeSiteConfig } from '../bench-site.js';
import type { CaseOptions, CaseResult } from '../result.js';

const KILLS = 50;
const FILES = 10_000;
const DIRECTORIES = 10;
const FILE_BYTES = 4096;
/** What dar 2.7.8 writes of such a file before the catalogue: 10,000 make 42,080,574 bytes, less 210,457 of the catalogue, which is compressed (`dar -l -v` tells). */
const ARCHIVED_BYTES = 4187;
const SLICE_BYTES = 8 * 1024 * 1024;
/** Of the finished files, how many may be read again, and in what share of the kills. */
const LIMIT_AGAIN = 0.01;
const LIMIT_SHARE = 0.95;
/** A lock that nobody renews ends after 2 s: in production minutes, which say nothing here. */
const SHORT_LOCKS: QueueTiming = { ...TIMING, lockDurationMs: 2_000, lockRenewTimeMs: 700, stalledIntervalMs: 300, firstBackoffMs: 20, maxBackoffMs: 50 };
const TOO_LATE = 0.9;
const TOO_LONG_MS = 60_000;

interface Kill {
  /** Files that dar had finished for sure: what lay in staging at the last look before the kill holds them. */
  readonly finished: number;
  /** Of them, those that were read again. */
  readonly again: number;
  readonly restores: boolean;
}

/** A worker that is killed halfway through a backup, and started again. */
export async function kills({ dir, quick, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const top = join(dir, 'top');
  await makeTree(join(top, 'tree'));
  const site = await open(dir, top, atEnd);
  const killed: Kill[] = [];
  const checks: Promise<void>[] = [];
  const late: number[] = [];
  for (let i = 0; checks.length < (quick ? 3 : KILLS); i++) {
    const { finished, manifest } = await killOnce(site, 0.35 + (i * 37 % 100) / 333);
    const kept = keptFiles(manifest);
    if (finished > TOO_LATE * FILES) {
      late.push(kept); // dar was done before it was seen: that is not halfway
      continue;
    }
    const again = Math.max(0, finished - kept);
    checks.push(restores(site, manifest, join(dir, `restored-${i}`)).then((good) => { killed.push({ finished, again, restores: good }); }));
    say(`kill ${checks.length}: ${finished} files finished, ${kept} kept, ${again} read again`);
  }
  await Promise.all(checks);
  const cheap = killed.filter(({ finished, again }) => again <= finished * LIMIT_AGAIN).length / killed.length;
  const good = killed.filter((each) => each.restores).length;
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  const worst = Math.max(...killed.filter(({ finished, again }) => again <= finished * LIMIT_AGAIN).map(({ again }) => again), 0);
  return {
    name: 'kills',
    data: `${FILES} files of ${FILE_BYTES} random bytes in ${DIRECTORIES} directories, slices of 8 MiB; ${killed.length} fulls`,
    how: `the worker is killed (SIGKILL) when the archive in staging has 35 to 65 % of what it will have, and started again; files that lie there whole at the last look before against those of the killed start that the sealed backup names; each is restored by dar alone and compared`,
    rows: [
      { what: 'kills after which at most 1 % of the finished files is read again', product: percent(cheap), baseline: '-', measured: percent(cheap), runs: `${killed.length} kills, at most ${worst} files`, target: `>= ${percent(LIMIT_SHARE)}`, met: cheap >= LIMIT_SHARE },
      { what: 'sealed backups that restore', product: String(good), baseline: String(killed.length), measured: percent(good / killed.length), runs: '-', target: '100 %', met: good === killed.length },
    ],
    phases: [],
    steps: [],
    notes: late.length === 0 ? [] : [`${late.length} more kills came when dar was done already, and are not counted; of ${late.filter((kept) => kept === 0).length} of them nothing was kept.`],
  };
}

async function makeTree(root: string): Promise<void> {
  for (let i = 0; i < DIRECTORIES; i++) {
    await mkdir(join(root, `dir-${i}`), { recursive: true });
    for (let j = 0; j < FILES / DIRECTORIES; j++) await writeFile(join(root, `dir-${i}`, `file-${j}`), randomBytes(FILE_BYTES));
  }
}

/** Of archives of data that the start made which was killed; directories are entries too. */
function keptFiles({ archives }: Manifest): number {
  const kept = archives.filter(({ kind, name }) => kind === 'data' && /\.s0001-t1-/.test(name));
  return kept.reduce((sum, { entries }) => sum + entries, 0) - (kept.length === 0 ? 0 : DIRECTORIES);
}

interface Site {
  readonly config: Config;
  readonly file: string;
  readonly top: string;
  readonly queues: QueueSet;
  readonly catalog: Catalog;
  /** The worker that runs. */
  worker: ChildProcess;
}

async function open(dir: string, top: string, atEnd: CaseOptions['atEnd']): Promise<Site> {
  const file = await writeSiteConfig({ dir: join(dir, 'site'), top, settings: { dar: { sliceSize: SLICE_BYTES } } });
  const { config } = await loadConfig({ file, env: {}, flags: {} });
  const server = await startEmbeddedRedis(config);
  atEnd(() => server.stop());
  const redis = workerConnection(config);
  await redis.connect();
  atEnd(() => { redis.disconnect(); return Promise.resolve(); });
  const site: Site = { config, file, top, queues: new QueueSet(redis), catalog: await openCatalog(config.catalog.dir), worker: await startWorker(file) };
  atEnd(async () => {
    const exited = once(site.worker, 'exit');
    site.worker.kill('SIGTERM');
    await exited;
  });
  return site;
}

async function startWorker(file: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../worker-child.js'), file, JSON.stringify(SHORT_LOCKS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [first] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [unknown];
  if (!Buffer.isBuffer(first)) throw new Error('the worker did not start');
  return child;
}

/** Kills the worker when dar has written this share of its archive; resolves when another one has sealed the backup. */
async function killOnce(site: Site, share: number): Promise<{ finished: number; manifest: Manifest }> {
  const { config, queues, top } = site;
  const request = { basepathId: 'tree', topdir: top, path: bytePath.fromText(join(top, 'tree')), level: 'full', priorityClass: 'manual-full', policyHash: config.policyHash, reason: 'bench', acceptSource: false } as const;
  const { jobId, backupId } = await enqueueBackup(queues, request, Date.now());
  const sealed = watchJobs(queues, workerConnection(config), new Set([jobId]), ({ state, reason }) => { if (state === 'failed') throw new Error(`${jobId}: ${reason ?? ''}`); });
  const staging = join(config.staging.dir, config.host, backupId);
  const deadline = Date.now() + TOO_LONG_MS;
  let written = 0;
  while ((written = await archivedBytes(staging)) < share * FILES * ARCHIVED_BYTES && Date.now() < deadline) await pause(2);
  // Not looked at once more after the kill: the guardian has dar close its archive within milliseconds, and the catalogue it writes then would count as files.
  const exited = once(site.worker, 'exit');
  site.worker.kill('SIGKILL');
  await exited;
  site.worker = await startWorker(site.file);
  await sealed;
  return { finished: Math.min(Math.floor(written / ARCHIVED_BYTES), FILES), manifest: await manifestOf(site, backupId) };
}

/** Of the archive of data of the first start: slices before the last are full, and may be away already. */
async function archivedBytes(staging: string): Promise<number> {
  const files = await readdir(staging, { recursive: true }).catch(() => []);
  const slices = files.map((name) => ({ name, number: Number(/\.s0001-t1-[^./]+\.1\.(\d+)\.dar$/.exec(name)?.[1] ?? 0) }));
  const last = slices.reduce((most, each) => (each.number > most.number ? each : most), { name: '', number: 0 });
  if (last.number === 0) return 0;
  const size = await stat(join(staging, last.name)).then((stats) => stats.size, () => 0);
  return (last.number - 1) * SLICE_BYTES + size;
}

async function manifestOf({ catalog }: Site, backupId: string): Promise<Manifest> {
  for await (const listed of catalog.listBackups()) if (listed.ok && listed.manifest.backupId === backupId) return listed.manifest;
  throw new Error(`${backupId} was not sealed`);
}

/** By dar alone, archive after archive. */
async function restores({ config, top }: Site, { backupId, basepathId, archives }: Manifest, target: string): Promise<boolean> {
  await mkdir(target);
  const dir = join(config.lts[0]?.dir ?? '', basepathId, backupId);
  for (const { name } of archives.filter(({ kind }) => kind === 'data')) await run({ program: 'dar', args: ['-x', join(dir, name), '-R', target, '-O', '-Q', '-N', '-wa'] });
  const { status } = await run({ program: 'diff', args: ['-r', '--', join(top, basepathId), target] }, { okCodes: [0, 1] });
  await rm(target, { recursive: true });
  return status.code === 0;
}
