import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { STAGED_BUNDLES } from '../../shared/bundle/names.js';
import { isBackupId } from '../../shared/catalog/layout.js';
import { removeTree } from '../../shared/files/remove-tree.js';
import { removeFile } from '../../shared/files/remove-file.js';
import type { Area, Decision } from '../../shared/reconcile/walk.js';
import { keptForMs } from '../../shared/runs/kept.js';
import { shardOf } from '../../shared/runs/start-name.js';
import type { WorkerContext } from '../context.js';
import { FILES_DIR, filesInTasks } from '../tasks/files-on-their-way.js';
import { decideStaging, type StagingAct, type StagingEntry, type StartFacts } from './decide-staging.js';

type Parts = Pick<WorkerContext, 'config' | 'queues' | 'runs' | 'items' | 'now' | 'staging' | 'backends'>;

/** This host's staging, and that of hosts seen here on which no worker runs any more. */
export class StagingArea implements Area<StagingEntry, StagingAct> {
  /** What tasks may read, as it was when this look began: what has come since is young. */
  #inTasks: Promise<Set<string>> | null = null;

  constructor(private readonly parts: Parts) {}

  /** `HOST/NAME`, or of this host `HOST/files/NAME`. */
  async *units(): AsyncGenerator<string> {
    const { staging: { dir }, host: self } = this.parts.config;
    for (const host of await this.#hosts()) {
      for (const name of await namesIn(join(dir, host))) {
        if (name === FILES_DIR && host === self) for (const file of await namesIn(join(dir, host, name))) yield `${host}/${name}/${file}`;
        else if (name !== STAGED_BUNDLES) yield `${host}/${name}`;
      }
    }
  }

  async observe(unit: string): Promise<StagingEntry | null> {
    const { host, name } = parse(unit);
    const path = join(this.parts.config.staging.dir, host, name);
    const info = await lstat(path).catch(() => null); // gone meanwhile
    if (info === null) return null;
    const isRun = isBackupId(name) && info.isDirectory();
    const run = isRun ? await this.parts.runs.read(name) : null;
    const phase = run?.phase ?? null;
    const ageMs = this.parts.now().getTime() - Math.max(info.mtimeMs, info.ctimeMs);
    const isOwn = host === this.parts.config.host;
    // A host that is gone has nobody to be asked; what goes on elsewhere may yet take over what lies there.
    const starts = phase === 'saving' && isOwn ? await this.#starts(name, await namesIn(path)) : [];
    // Held: a program that nobody can end may write there once more.
    const isKept = keptForMs(run, this.parts.now().getTime()) > 0 || (isOwn && this.parts.staging.isHeld(name));
    const isOnItsWay = isOwn && name.startsWith(`${FILES_DIR}/`) ? await this.#isInTask(path) : null;
    return { host, name, isRun, phase, ageMs, isKept, isOnItsWay, starts: starts.filter((start) => !this.parts.staging.isHeld(join(name, start.name))) };
  }

  decide(entry: StagingEntry): Decision<StagingAct>[] {
    return decideStaging(entry);
  }

  async act({ remove }: StagingAct, unit: string): Promise<void> {
    const { host } = parse(unit);
    for (const name of remove) {
      const path = join(this.parts.config.staging.dir, host, name);
      const info = await lstat(path).catch(() => null);
      if (info?.isDirectory() === true) await removeTree(path);
      else await removeFile(path);
    }
  }

  /** The file, or one in the directory. */
  async #isInTask(path: string): Promise<boolean> {
    const files = await (this.#inTasks ??= filesInTasks(this.parts));
    return files.has(path) || [...files].some((file) => file.startsWith(`${path}/`));
  }

  async #hosts(): Promise<string[]> {
    const { config, queues } = this.parts;
    const hosts = [config.host];
    for (const host of await namesIn(config.staging.dir)) {
      if (host === config.host || host.startsWith('.') || !(await isDirectory(join(config.staging.dir, host)))) continue;
      if ((await queues.cleanupOf(host).getWorkersCount()) === 0) hosts.push(host);
    }
    return hosts;
  }

  async #starts(backupId: string, names: readonly string[]): Promise<StartFacts[]> {
    const items = await this.parts.items.all(backupId);
    const named = new Set([...items.values()].map(({ start }) => start));
    const starts: StartFacts[] = [];
    for (const name of names) {
      const shard = shardOf(name);
      if (Number.isNaN(shard)) continue;
      const job = await this.parts.queues.backup.getJob(`shard.${backupId}.${shard}`);
      const shardIsDone = job !== undefined && (await job.isCompleted());
      starts.push({ name, shardIsDone, counts: named.has(name) || (await this.parts.runs.isCurrentStart(backupId, shard, name)) });
    }
    return starts;
  }
}

function parse(unit: string): { host: string; name: string } {
  const at = unit.indexOf('/');
  return { host: unit.slice(0, at), name: unit.slice(at + 1) };
}

async function isDirectory(path: string): Promise<boolean> {
  return lstat(path).then((info) => info.isDirectory(), () => false);
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch((thrown: unknown) => {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw thrown;
  });
}
