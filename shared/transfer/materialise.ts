import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BwError } from '../errors/bw-error.js';
import type { TransferBackend, TransferItem, TransferOptions } from './backend.js';
import { fetchItems } from './fetch-items.js';
import { assertRecalled } from './recall.js';

/** An object a restore needs, and the plain file name dar expects for it. */
export interface MaterialiseItem extends Omit<TransferItem, 'file'> {
  readonly name: string;
}

export interface MaterialiseRequest {
  readonly backend: TransferBackend;
  readonly items: readonly MaterialiseItem[];
  /** Existing directory of this restore alone. */
  readonly dir: string;
  readonly options?: TransferOptions;
}

/**
 * Makes objects readable as `dir/name`, each checked against size and hash: where the storage can be read in place by a
 * symlink (no staging space needed), else by fetching, as are parts of bundles. Returns the paths in the order of items. Throws
 * RESTORE_NOT_RECALLED, RESTORE_OBJECT_CORRUPT, RESTORE_OBJECT_MISSING, LTS_MISSING, TRANSFER_ABORTED and what fetch throws; names already made stay.
 */
export async function materialise(request: MaterialiseRequest): Promise<string[]> {
  const { backend, items, dir, options = {} } = request;
  await assertRecalled(backend, [...new Set(items.map((item) => item.object))]);
  const all = items.map(({ name, ...rest }): TransferItem => ({ ...rest, file: join(dir, name) }));
  const toFetch: TransferItem[] = [];
  for (const item of all) {
    const inPlace = isInPlace(backend, item) ? backend.localPath(item.object) : null;
    if (inPlace === null) toFetch.push(item);
    else await linkVerified(backend, item, inPlace, options);
  }
  await fetchItems(backend, toFetch, options);
  return all.map(({ file }) => file);
}

/** Whether it is read where it lies and takes no room here (pure). dar cannot be told to begin amid a file, so no part of a bundle is. */
export function isInPlace(backend: Pick<TransferBackend, 'capabilities'>, { offset = 0 }: { readonly offset?: number }): boolean {
  return offset === 0 && backend.capabilities().directRead;
}

async function linkVerified(backend: TransferBackend, item: TransferItem, inPlace: string, options: TransferOptions): Promise<void> {
  const verdict = await backend.verify(item, options);
  if (verdict !== 'match') {
    throw new BwError(verdict === 'missing' ? 'RESTORE_OBJECT_MISSING' : 'RESTORE_OBJECT_CORRUPT', {
      message: `the object in long-term storage is not what was stored (${verdict})`,
      retry: 'permanent',
      subject: item.object,
      hint: 'Restore from another copy or an older backup, and have the storage checked.',
      detail: `expected ${item.bytes} bytes, sha512 ${item.sha512}`,
    });
  }
  options.onProgress?.({ bytes: item.bytes, object: item.object });
  await symlink(inPlace, item.file);
}
