import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ulid } from 'ulid';
import { z } from 'zod';
import { drainCleanupAndKits } from '../../bin/drain-cleanup.js';
import { startLocalWorker, type LocalWorker } from '../../bin/start-local.js';
import { enqueueBackup } from '../../producer/scheduler/enqueue.js';
import { scanTopdir } from '../../producer/scheduler/tick.js';
import { watchJobs, type Ended } from '../../producer/scheduler/watch-jobs.js';
import { readBasepaths, type BasepathRecord } from '../../shared/basepaths/index.js';
import type { Manifest } from '../../shared/catalog/manifest.js';
import type { Config, TopdirConfig } from '../../shared/config/config.js';
import { loadConfig } from '../../shared/config/load-config.js';
import { openJournal, writerName } from '../../shared/journal/index.js';
import { run } from '../../shared/process/index.js';
import { createLogger } from '../../shared/logging/index.js';
import { JOB_VERSION, type RestoreJob } from '../../shared/queues/job-data.js';
import { priorityOf } from '../../shared/queues/priorities.js';
import { workerConnection } from '../../shared/redis/connect.js';
import { startEmbeddedRedis } from '../../shared/redis/embedded.js';
import { restoreResultSchema } from '../../shared/runs/restore-result.js';
import { profiled } from './cpu-profile.js';
import { cpuSince, cpuTime, type CpuTime } from './cpu-time.js';
import { meanProfile, profileOf, type LogLine, type Profile } from './profile.js';
import { makeBasepaths } from './trees.js';

export interface SiteSettings {
  /** Everything of the site but the source goes below it; made. */
  readonly dir: string;
  readonly top: string;
  /** In the keys of the configuration file. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface ProductRun {
  /** First job added to last job ended: the seal, and what is recorded right after it. */
  readonly wallMs: number;
  readonly cpu: CpuTime;
  readonly profile: Profile;
  readonly manifests: readonly Manifest[];
}

export interface RestoreRun extends Pick<ProductRun, 'wallMs' | 'cpu'> {
  readonly archives: number;
  /** Of each job that extracted an archive. */
  readonly partMs: readonly number[];
  /** Of the job that ends the restore: directories, verification, metadata. */
  readonly endMs: number;
}

/** Writes the configuration of a site of its own. Returns the file. */
export async function writeSiteConfig({ dir, top, settings = {} }: SiteSettings): Promise<string> {
  const at = (name: string): string => join(dir, name);
  for (const name of ['staging', 'catalog', 'lts', 'state', 'warm']) await mkdir(at(name), { recursive: true, mode: 0o700 });
  await makeBasepaths(at('warm'), 1, { filesPerDirectory: 20, maxFileBytes: 2000 });
  const file = at('bw-bkup.yaml');
  const all = {
    host: 'bench',
    topdirs: [{ path: top }, { path: at('warm') }],
    staging: { dir: at('staging'), budget: '8GiB' },
    catalog: { dir: at('catalog') },
    state: { dir: at('state') },
    lts: [{ name: 'lts', backend: 'posix', dir: at('lts') }],
    dar: { sliceSize: '1GiB' },
    worker: { slots: 2, transferSlots: 2 },
    http: { producerPort: null, workerPort: null },
    logging: { level: 'warn', format: 'json' },
    ...settings,
  };
  await writeFile(file, stringify(all), { mode: 0o600 });
  return file;
}

type BackupLevel = 'full' | 'incremental';

/** Number of the topdir. */
const MEASURED = 0;
const WARM = 1;

export interface BackUpOptions {
  readonly topdir?: number;
  readonly level?: BackupLevel;
  /** So that later backups can build on them. */
  readonly keep?: boolean;
}

/** A site with Redis and one worker in this process, warmed up by one small backup. */
export class BenchSite {
  readonly #log: string[];
  readonly #closers: (() => Promise<void>)[] = [];
  #worker: LocalWorker | null = null;

  private constructor(
    readonly config: Config,
    log: string[],
  ) {
    this.#log = log;
  }

  static async open(settings: SiteSettings): Promise<BenchSite> {
    const { config } = await loadConfig({ file: await writeSiteConfig(settings), env: {}, flags: {} });
    const site = new BenchSite(config, []);
    try {
      await site.#start();
      await site.backUp({ topdir: WARM });
      return site;
    } catch (thrown) {
      await site.close();
      throw thrown;
    }
  }

  /** Backs up all basepaths of a topdir, waits until all are sealed, removes the backups again unless they are to be kept. */
  async backUp({ topdir: index = MEASURED, level = 'full', keep = false }: BackUpOptions = {}): Promise<ProductRun> {
    const topdir = this.config.topdirs[index] as TopdirConfig;
    const basepaths = await this.#basepaths(topdir);
    this.#log.length = 0;
    globalThis.gc?.(); // what the harness left must not be collected within the measurement
    const before = cpuTime();
    const startedAt = performance.now();
    const startMs = Date.now();
    const ended = await profiled(async () => this.#wait(await this.#enqueue(topdir, basepaths, level)));
    const wallMs = performance.now() - startedAt;
    const cpu = cpuSince(before);
    const manifests = await this.#manifests(ended);
    const lines = this.#log.map(readLine);
    await this.#tidy(keep ? [] : manifests);
    return { wallMs, cpu, manifests, profile: meanProfile(manifests.map((manifest) => profileOf(lines, manifest, startMs))) };
  }

  /** Restores paths of a backup (none: all of it) into `target`, which must be new and below an allowed one. */
  async restore({ basepathId, backupId }: Manifest, target: string, paths: readonly string[] = []): Promise<RestoreRun> {
    const job: RestoreJob = { v: JOB_VERSION, restoreId: ulid(), basepathId, backupId, target, paths: [...paths], conflict: 'refuse' };
    const jobId = `restore.${job.restoreId}`;
    globalThis.gc?.();
    this.#log.length = 0;
    const before = cpuTime();
    const startedAt = performance.now();
    const [ended] = await profiled(async () => {
      await this.#running.context.queues.backup.add('restore', job, { jobId, priority: priorityOf('restore'), attempts: 1 });
      return this.#wait([jobId]);
    });
    const wallMs = performance.now() - startedAt;
    const cpu = cpuSince(before);
    const result = restoreResultSchema.parse(ended?.returnValue);
    if (result.outcome !== 'clean') throw new Error(`the restore is not clean: ${JSON.stringify(result.problems.slice(0, 5))}`);
    const jobs = this.#log.map(readLine).filter(({ ms }) => ms !== null);
    await this.#tidy([]);
    return { wallMs, cpu, archives: result.archives, partMs: jobs.filter(({ jobName }) => jobName === 'restore-archive').map(({ ms }) => ms ?? 0), endMs: jobs.find(({ jobName }) => jobName === 'restore')?.ms ?? 0 };
  }

  /** Bytes of all backups, in the catalog and in long-term storage. */
  async storedBytes(): Promise<number> {
    const homes = [join(this.config.catalog.dir, 'backups'), ...this.config.lts.map((lts) => lts.dir)];
    const sizes = await Promise.all(homes.map(async (dir) => bytesBelow(dir)));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async #start(): Promise<void> {
    const redis = await startEmbeddedRedis(this.config);
    this.#closers.push(() => redis.stop());
    // Level debug says when each job was done; a few hundred bytes per job, kept as they are until the clock stands.
    const logger = createLogger({ level: 'debug', format: 'json', host: 'bench', destination: { write: (line) => void this.#log.push(line) } });
    const worker = await startLocalWorker(this.config, logger, 'worker');
    this.#worker = worker;
    this.#closers.push(() => worker.close());
  }

  get #running(): LocalWorker {
    if (this.#worker === null) throw new Error('the site is not started');
    return this.#worker;
  }

  async #basepaths(topdir: TopdirConfig): Promise<BasepathRecord[]> {
    const { catalog } = this.#running.context;
    const journal = await openJournal(catalog.journalDir, writerName('bench-producer', process.pid));
    try {
      const registry = await readBasepaths(catalog.journalDir, (problem) => { throw new Error(JSON.stringify(problem)); });
      return (await scanTopdir({ registry, journal }, topdir)).map(({ record }) => record);
    } finally {
      await journal.close();
    }
  }

  async #enqueue(topdir: TopdirConfig, basepaths: readonly BasepathRecord[], level: BackupLevel): Promise<string[]> {
    const jobIds: string[] = [];
    for (const { basepathId, path } of basepaths) {
      const request = { basepathId, topdir: topdir.path, path, level, priorityClass: level === 'full' ? 'full' : 'incremental', policyHash: this.config.policyHash, reason: 'bench', acceptSource: false } as const;
      jobIds.push((await enqueueBackup(this.#running.context.queues, request, Date.now())).jobId);
    }
    return jobIds;
  }

  async #wait(jobIds: readonly string[]): Promise<Ended[]> {
    const ended: Ended[] = [];
    await watchJobs(this.#running.context.queues, workerConnection(this.config), new Set(jobIds), (each) => ended.push(each));
    const failed = ended.find((each) => each.state === 'failed');
    if (failed !== undefined) throw new Error(`${failed.jobId}: ${failed.reason ?? 'failed'}`);
    return ended;
  }

  /** A backup that saved less than all would be no measurement. */
  async #manifests(ended: readonly Ended[]): Promise<Manifest[]> {
    const { catalog } = this.#running.context;
    const manifests = await Promise.all(ended.map(async ({ returnValue }) => catalog.findBackup(resultSchema.parse(returnValue).backupId)));
    const unclean = manifests.find(({ outcome, counts }) => outcome !== 'clean' || counts.exceptions + counts.vanished > 0);
    if (unclean !== undefined) throw new Error(`backup ${unclean.backupId} is not clean: ${JSON.stringify(unclean.counts)}`);
    return manifests;
  }

  /** Lets cleanup finish, so that it does not run into the next measurement, and gives memory back. */
  async #tidy(manifests: readonly Manifest[]): Promise<void> {
    const { queues } = this.#running.context;
    await drainCleanupAndKits(queues, this.config.host);
    const homes = [join(this.config.catalog.dir, 'backups'), ...this.config.lts.map((lts) => lts.dir)];
    for (const { basepathId, backupId } of manifests) {
      for (const home of homes) await rm(join(home, basepathId, backupId), { recursive: true, force: true });
    }
  }
}

/** Files of the restore kit are in it: they are replaced, and do not grow. */
async function bytesBelow(dir: string): Promise<number> {
  const { stdout } = await run({ program: 'find', args: [dir, '-type', 'f', '-printf', '%s\\n'] });
  return stdout.toString('latin1').split('\n').reduce((sum, size) => sum + Number(size), 0);
}

const resultSchema = z.object({ backupId: z.string() });

const lineSchema = z.object({
  time: z.string(),
  msg: z.string().default(''),
  backupId: z.string().nullish(),
  jobName: z.string().nullish(),
  ms: z.number().nullish(),
});

function readLine(text: string): LogLine {
  const { time, msg, backupId = null, jobName = null, ms = null } = lineSchema.parse(JSON.parse(text));
  return { atMs: Date.parse(time), msg, backupId, jobName, ms };
}
