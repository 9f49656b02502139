import { createHash, randomBytes } from 'node:crypto';
import { copyFile, constants, link, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkerContext } from '../context.js';
import { Outbox } from '../../shared/tasks/outbox.js';
import { TaskStore } from '../../shared/tasks/task-store.js';
import type { TransferItem } from '../../shared/transfer/backend.js';
import { errnoOf, sourceError } from '../../shared/transfer/posix/fs-errors.js';

/** Below this host's staging: files on their way to an asynchronous LTS, whose service sees staging and nothing else. */
export const FILES_DIR = 'files';

type Parts = Pick<WorkerContext, 'queues' | 'config' | 'staging'>;

/**
 * Files that are no slices, under names of their own while a task may read them (hard links of what lies in staging, else copies): whoever made them is stopped, dies, and
 * removes or makes them anew, while the task goes on. The same content for the same object has the same name, so a second start sends what the first one did.
 */
export class FilesOnTheirWay {
  readonly #outbox: Outbox;

  constructor(
    private readonly parts: Parts,
    private readonly lts: string,
  ) {
    this.#outbox = new Outbox(parts.queues.redis);
  }

  /** The item with its file there. Throws TRANSFER_SOURCE_MISSING, STAGING_*. */
  async place(item: TransferItem): Promise<TransferItem> {
    const { staging } = this.parts;
    const file = join(await staging.createDirectory(FILES_DIR), this.#nameOf(item));
    const isInStaging = item.file.startsWith(`${staging.root}/`);
    try {
      if (!(await isThere(file, item.bytes))) await (isInStaging ? linkOrCopy(item.file, file) : copy(item.file, file));
    } catch (thrown) {
      throw sourceError(thrown, item.file);
    }
    await staging.shareFiles([file]);
    return { ...item, file };
  }

  /** Removes those that are there, or are in no task and wait for none. What is left then (of who was stopped) is swept when its task is over. */
  async removeSettled(items: readonly TransferItem[]): Promise<void> {
    const objects = items.map(({ object }) => object);
    const pending = await this.#outbox.pending(this.lts, this.parts.config.host, objects);
    // After that: a task tells of what is there when the service has ended it, and is itself on record a little longer.
    const sent = await this.#outbox.sentFiles(this.lts, objects);
    for (const item of items) {
      if (pending.has(item.object) && sent.get(item.object) !== item.sha512) continue;
      await rm(join(this.parts.staging.root, FILES_DIR, this.#nameOf(item)), { force: true });
    }
  }

  #nameOf({ object, sha512 }: TransferItem): string {
    return createHash('sha256').update(`${this.lts}\n${object}\n${sha512}`).digest('hex').slice(0, 40);
  }
}

/** Files of this host that a live task has, or that wait for one. */
export async function filesInTasks({ queues, config, backends }: Pick<WorkerContext, 'queues' | 'config' | 'backends'>): Promise<Set<string>> {
  const [store, outbox] = [new TaskStore(queues.redis), new Outbox(queues.redis)];
  const files = new Set<string>();
  // What waits first: from there it only gets into a task.
  for (const { name } of backends.filter((backend) => backend.capabilities().async)) for (const { file } of await outbox.all(name, config.host)) files.add(file);
  for (const { task } of await store.all()) if (task.host === config.host) for (const { file } of await store.items(task.id)) files.add(file);
  return files;
}

/** One that was left is taken, and is young again: who sweeps leaves that alone. */
async function isThere(file: string, bytes: number): Promise<boolean> {
  const size = await stat(file).then((info) => info.size, () => null);
  if (size !== bytes) return false;
  const now = new Date();
  return utimes(file, now, now).then(() => true, () => false); // removed meanwhile
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') throw thrown;
    return copy(from, to); // it is not ours: a service that is mapped to another user may have put it there
  });
}

/** Of what lies elsewhere nothing but the content: staging.group is let in. */
async function copy(from: string, to: string): Promise<void> {
  const part = `${to}.${randomBytes(4).toString('hex')}`;
  await copyFile(from, part, constants.COPYFILE_EXCL);
  await rename(part, to);
}
