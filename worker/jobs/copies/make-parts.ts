import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { storedFiles, type ObjectLocation } from '../../../shared/catalog/index.js';
import { mapLimited } from '../../../shared/catalog/map-limited.js';
import type { Part } from '../../../shared/copies/copy-state.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import type { TransferBackend, TransferItem } from '../../../shared/transfer/backend.js';
import { fetchItems, itemAt } from '../../../shared/transfer/fetch-items.js';
import { isInPlace } from '../../../shared/transfer/materialise.js';
import { ltsOf } from '../../breaker/needs.js';
import { sendFiles } from '../../tasks/send-files.js';
import type { NamedPart } from './choose-names.js';
import type { Copying } from './copy-job.js';

/** Small files wait for fsyncs rather than for bytes; libuv has four threads. */
const AT_ONCE = 4;
/** What is under way together: bounds staging, and what a start that is stopped does again. An asynchronous LTS takes few, large tasks. */
const BATCH = { items: 256, bytes: 256 * 1024 ** 2 } as const;
const ASYNC_BATCH = { items: 1_000, bytes: 1024 ** 4 } as const;
/** Of staging, for what must be fetched first. */
const STAGING_SHARE = 0.1;
/** It was the source that was not sound: there may be another. */
const OF_SOURCE: ReadonlySet<string> = new Set(['TRANSFER_SOURCE_CORRUPT', 'TRANSFER_SOURCE_MISSING']);

/** Where a part can be read: a file that is there, or an LTS it is fetched from. */
type Source = { readonly file: string } | { readonly backend: TransferBackend; readonly location: ObjectLocation };

/** Brings parts to the LTS, each proven there; `done` is told of each as soon as it is. Throws the first error of the LTS, COPY_NO_SOURCE, or what the last source threw. */
export async function makeParts(copying: Copying, named: readonly NamedPart[], done: (part: Part, location: ObjectLocation) => Promise<void>): Promise<void> {
  for (const { part, there } of named) if (there !== null) await done(part, there);
  const batch = copying.target.capabilities().async ? ASYNC_BATCH : BATCH;
  const bytes = Math.min(batch.bytes, copying.context.config.staging.budgetBytes * STAGING_SHARE);
  for (const each of batches(named.filter(({ there }) => there === null), { ...batch, bytes })) await makeBatch(copying, each, done);
}

function batches(named: readonly NamedPart[], most: { readonly items: number; readonly bytes: number }): NamedPart[][] {
  const found: NamedPart[][] = [];
  let bytes = 0;
  for (const each of named) {
    const last = found.at(-1);
    bytes += each.part.bytes;
    if (last !== undefined && last.length < most.items && bytes <= most.bytes) last.push(each);
    else {
      found.push([each]);
      bytes = each.part.bytes;
    }
  }
  return found;
}

/** From the first source of each; what that did not have sound, from the next. */
async function makeBatch(copying: Copying, named: readonly NamedPart[], done: (part: Part, location: ObjectLocation) => Promise<void>): Promise<void> {
  const { context, copyId, run } = copying;
  let open = await Promise.all(named.map(async (each) => ({ each, sources: await sourcesOf(copying, each.part) })));
  const onDone = ({ part }: NamedPart, location: ObjectLocation): Promise<void> => done(part, location);
  let last: BwError | null = null;
  while (open.length > 0) {
    run.signal.throwIfAborted();
    const [without] = open.filter(({ sources }) => sources.length === 0);
    if (without !== undefined) throw last ?? noSource(without.each.part.name);
    const fetched = open.reduce((sum, { each, sources: [first] }) => sum + (first !== undefined && 'backend' in first ? each.part.bytes : 0), 0);
    const release = fetched === 0 ? () => undefined : await context.staging.reserve(fetched, { owner: copyId, kind: 'copy', signal: run.signal });
    try {
      const failed = await tryFirst(copying, open.map(({ each, sources }) => ({ each, source: sources[0] as Source })), onDone);
      for (const error of failed.values()) last = error;
      open = open.filter(({ each }) => failed.has(each)).map(({ each, sources }) => ({ each, sources: sources.slice(1) }));
    } finally {
      await context.staging.removeStart(copyId, PARTS).finally(release);
    }
  }
}

const PARTS = 'parts';

/** Returns those whose source failed. Throws when it is the LTS that did. */
async function tryFirst(copying: Copying, open: readonly { readonly each: NamedPart; readonly source: Source }[], onDone: (each: NamedPart, location: ObjectLocation) => Promise<void>): Promise<Map<NamedPart, BwError>> {
  const { target, manifest, copyId, run } = copying;
  const failed = new Map<NamedPart, BwError>();
  const items = new Map<string, NamedPart>();
  const toSend = await mapLimited(open, AT_ONCE, async ({ each, source }): Promise<TransferItem | null> => {
    try {
      const item = { object: each.object, file: await openSource(copying, each.part, source), bytes: each.part.bytes, sha512: each.part.sha512 };
      items.set(item.object, each);
      return item;
    } catch (thrown) {
      run.signal.throwIfAborted();
      failed.set(each, toBwError(thrown));
      run.logger.warn({ err: toBwError(thrown), part: each.part.name }, 'a source of a copy is not usable, trying the next');
      return null;
    }
  });
  const onCommitted = async ({ object }: TransferItem, location: ObjectLocation): Promise<void> => {
    const each = items.get(object);
    if (each !== undefined) await onDone(each, location);
  };
  const results = await sendFiles(copying.context, { backend: target, items: toSend.filter((item) => item !== null), key: `${manifest.backupId}-copy-${copyId}`, signal: run.signal, atOnce: AT_ONCE, onCommitted });
  for (const { item, error } of results) {
    const each = items.get(item.object);
    if (error === undefined || each === undefined) continue;
    if (!OF_SOURCE.has(error.code)) throw error;
    failed.set(each, error);
  }
  return failed;
}

/** A file with the content of the part: where it lies, or fetched into staging, checked against its hash. */
async function openSource({ context, copyId, run }: Copying, part: Part, source: Source): Promise<string> {
  if ('file' in source) return source.file;
  const { backend, location } = source;
  const file = join(await context.staging.createStart(copyId, PARTS), part.name);
  await rm(file, { force: true });
  await backend.stage([location.object]);
  await fetchItems(backend, [itemAt(location, part, file)], { signal: run.signal });
  return file;
}

/** The catalog's own file, staging of this host while it is there, LTS on disk, then those on tape. One that is out comes last. */
async function sourcesOf({ context, manifest, target }: Copying, part: Part): Promise<Source[]> {
  const stored = storedFiles(manifest).find(({ name }) => name === part.name);
  if (stored !== undefined) return [{ file: context.catalog.file(manifest, stored) }, ...ltsSources(context, target, part)];
  const object = `${manifest.basepathId}/${manifest.backupId}/${part.name}`;
  const item = (await context.items.get(manifest.backupId, [object])).get(object);
  const isHere = item?.host === context.config.host && (await sizeOf(item.file)) === part.bytes;
  return [...(isHere ? [{ file: item.file }] : []), ...ltsSources(context, target, part)];
}

function ltsSources({ backends, breakers, config }: Copying['context'], target: TransferBackend, { locations }: Part): Source[] {
  const tapes = new Set(config.lts.filter(({ tape }) => tape).map(({ name }) => name));
  const rank = ({ name }: TransferBackend): number => Number(breakers.isOpen(ltsOf(name))) * 2 + Number(tapes.has(name));
  const mayReadThere = !target.capabilities().async; // a service that moves files by itself sees staging, not where other storages are mounted
  return [...backends].sort((a, b) => rank(a) - rank(b)).flatMap((backend): Source[] => {
    const location = backend.name === target.name ? undefined : locations[backend.name];
    if (location === undefined) return [];
    const file = mayReadThere && isInPlace(backend, location) ? backend.localPath(location.object) : null;
    return [file === null ? { backend, location } : { file }];
  });
}

async function sizeOf(file: string): Promise<number | null> {
  return stat(file).then(({ size }) => size, () => null);
}

function noSource(name: string): BwError {
  return new BwError('COPY_NO_SOURCE', {
    message: 'no configured LTS has a sound copy of this to make another one from',
    subject: name,
    retry: 'operator',
    hint: 'See what is damaged with `bw-bkup verify BACKUP --level hash --wait`; a new full makes it good.',
  });
}
