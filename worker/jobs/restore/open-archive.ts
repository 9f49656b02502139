import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest, ManifestArchive, ManifestSlice } from '../../../shared/catalog/manifest.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import { itemAt } from '../../../shared/transfer/fetch-items.js';
import { materialise } from '../../../shared/transfer/materialise.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { assertRecalled, NOT_RECALLED, whenRecalled } from '../../../shared/transfer/recall.js';
import type { WorkerContext } from '../../context.js';

type Reading = Pick<WorkerContext, 'backends' | 'logger' | 'staging'>;

/**
 * Makes all slices of an archive readable below `dir`, each checked against its hash before use. Returns dar's base path. Throws what openSlice throws.
 */
export async function openArchive(context: Reading, archive: ManifestArchive, dir: string, signal: AbortSignal): Promise<string> {
  const start = await context.staging.createStart(dir, archive.key, 'putting');
  for (const slice of archive.slices) await openSlice(context, slice, start, signal);
  return join(start, archive.name);
}

type SliceReading = Pick<Reading, 'backends' | 'logger'>;

/**
 * Makes a slice readable as `dir/NAME`, checked against its hash before use, from the first LTS that has it intact. One that lies on tape is waited for,
 * unless `onTape` is 'throw': RESTORE_NOT_RECALLED then. Throws RESTORE_NO_COPY, or the error of the last LTS tried.
 */
export async function openSlice(context: SliceReading, slice: ManifestSlice, dir: string, signal: AbortSignal, onTape: 'wait' | 'throw' = 'wait'): Promise<void> {
  let last: BwError | null = null;
  for (const backend of context.backends) {
    const location = slice.locations[backend.name];
    if (location === undefined) continue;
    const item = { ...itemAt(location, slice), name: slice.name };
    try {
      const bring = (): Promise<string[]> => materialise({ backend, items: [item], dir, options: { signal } });
      await (onTape === 'throw' ? bring() : whenRecalled(backend, [item.object], signal, bring));
      return;
    } catch (thrown) {
      signal.throwIfAborted();
      last = toBwError(thrown);
      if (last.code === NOT_RECALLED) throw last;
      context.logger.warn({ err: last, lts: backend.name, slice: slice.name }, 'copy not usable, trying the next');
    }
  }
  throw last ?? noCopy(slice.name);
}

/**
 * Makes several slices readable in one task of the storage that has them all, where it takes one; those that do not come so, one by one. Returns of each that could not be
 * had why, by its number.
 */
export async function openSlices(context: SliceReading, slices: readonly ManifestSlice[], dir: string, signal: AbortSignal): Promise<ReadonlyMap<number, unknown>> {
  const failed = new Map<number, unknown>();
  for (const slice of await withoutThoseFetched(context, slices, dir, signal)) {
    await openSlice(context, slice, dir, signal).catch((thrown: unknown) => failed.set(slice.number, thrown));
  }
  return failed;
}

async function withoutThoseFetched(context: SliceReading, slices: readonly ManifestSlice[], dir: string, signal: AbortSignal): Promise<readonly ManifestSlice[]> {
  const backend = tasksOf(context.backends);
  const items = backend === null ? [] : slices.flatMap((slice) => {
    const location = slice.locations[backend.name];
    return location?.offset === 0 ? [{ slice, item: itemAt(location, slice, join(dir, slice.name)) }] : [];
  });
  if (backend?.fetchAll === undefined || items.length < 2) return slices;
  const objects = items.map(({ item }) => item.object);
  try {
    const errors = await whenRecalled(backend, objects, signal, async () => {
      await assertRecalled(backend, objects);
      return backend.fetchAll?.(items.map(({ item }) => item), { signal });
    });
    for (const [file, err] of errors ?? []) context.logger.warn({ err, lts: backend.name, file }, 'copy not usable, trying the next');
    return slices.filter((slice) => !items.some((each) => each.slice === slice && errors?.has(each.item.file) === false));
  } catch (thrown) {
    signal.throwIfAborted();
    context.logger.warn({ err: toBwError(thrown), lts: backend.name }, 'slices not fetched together: one by one');
    for (const { item } of items) await rm(item.file, { force: true }); // what came before that
    return slices;
  }
}

/** The storage that slices are tried from first, if it fetches many in one task (pure). */
export function tasksOf([first]: readonly TransferBackend[]): TransferBackend | null {
  return first?.fetchAll === undefined ? null : first;
}

function noCopy(name: string): BwError {
  return new BwError('RESTORE_NO_COPY', {
    message: 'no configured LTS holds this slice',
    subject: name,
    retry: 'operator',
    hint: 'Configure the LTS that the manifest names, or restore with the restore kit.',
  });
}

/** The archive of a key. Throws RESTORE_ARCHIVE_UNKNOWN. */
export function archiveOf(manifest: Manifest, key: string): ManifestArchive {
  const archive = manifest.archives.find((candidate) => candidate.key === key);
  if (archive !== undefined) return archive;
  throw new BwError('RESTORE_ARCHIVE_UNKNOWN', {
    message: `the manifest names no archive ${key}`,
    subject: manifest.backupId,
    retry: 'permanent',
    hint: 'Index and manifest do not belong together: the catalog is damaged. Take the copies of both from long-term storage.',
  });
}
