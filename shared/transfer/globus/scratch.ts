import { randomUUID } from 'node:crypto';
import { constants, copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { shareDirectory, shareFile } from '../../files/share.js';
import type { TransferItem } from '../backend.js';
import { partTag } from '../object-name.js';
import { sourceError } from '../posix/fs-errors.js';
import { isMapped } from './path-map.js';
import type { Place } from './place.js';

/** What processes that died left there is removed after this long, ms; a task that is paused for longer has to begin anew. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

/** The scratch directory, without what a process that died left there. */
export async function prepareScratch({ scratchDir, tasks, group = null }: Place): Promise<void> {
  await mkdir(scratchDir, { recursive: true, mode: 0o700 });
  if (group !== null) await shareDirectory(scratchDir, group, 'putting');
  for (const name of await readdir(scratchDir)) {
    const path = join(scratchDir, name);
    const old = await stat(path).then(({ mtimeMs }) => mtimeMs < tasks.options.now() - KEPT_MS, () => false); // gone meanwhile
    if (old) await rm(path, { force: true });
  }
}

/** Where a file is sent from: itself, or its copy where no collection shows it, such as what describes a backup, from the catalog (pure). */
export function sentFrom({ lts, sources, host, scratchDir }: Place, { file, object }: Pick<TransferItem, 'file' | 'object'>): string {
  return isMapped(sources, host, file) ? file : join(scratchDir, `send-${partTag(`${lts}/${object}`)}`);
}

/** Makes those copies, under names that whoever submits again makes too. Throws TRANSFER_SOURCE_MISSING, STAGING_*. */
export async function copyUnseen(place: Place, items: readonly TransferItem[]): Promise<void> {
  const unseen = items.filter((item) => sentFrom(place, item) !== item.file);
  if (unseen.length > 0) await prepareScratch(place);
  for (const item of unseen) {
    const part = join(place.scratchDir, randomUUID());
    try {
      await copyFile(item.file, part, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      if (place.group !== undefined && place.group !== null) await shareFile(part, place.group);
      await rename(part, sentFrom(place, item));
    } catch (thrown) {
      await rm(part, { force: true });
      throw sourceError(thrown, item.file);
    }
  }
}

/** When the transfer has ended. */
export async function removeCopies(place: Place, items: readonly TransferItem[]): Promise<void> {
  for (const item of items) if (sentFrom(place, item) !== item.file) await rm(sentFrom(place, item), { force: true });
}
