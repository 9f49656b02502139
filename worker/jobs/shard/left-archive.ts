import { link, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isolateCatalogue, listCatalogue, rehash, sliceFile, sliceNumbers, testSlicesFrom, type CompleteSlice } from '../../../shared/dar/index.js';
import type { ShardReconciler } from '../../../shared/index/reconcile.js';
import { hasEnough } from '../../../shared/copies/enough.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import type { MadeArchive } from '../../../shared/runs/shard-result.js';
import { hashFileOf } from '../../staging/staging.js';
import type { AdoptPlace } from './adopt-starts.js';
import { describeArchive, EntryCounter, keepCatalogue } from './describe-archive.js';
import { isolatedBase } from './make-archive.js';
import type { SegmentNote } from './segment-note.js';

/** An archive that a start which was cut off left, linked into the staging of the one that takes it over. */
export interface LeftArchive {
  readonly note: SegmentNote;
  readonly base: string;
  /** All of its slices, also those that are away; the hashes of `unsent` are not known yet. */
  readonly slices: readonly CompleteSlice[];
  /** Not on record: the last ones. */
  readonly unsent: readonly CompleteSlice[];
  /** Of the others, those that some LTS lacks. */
  readonly onTheirWay: ReadonlyMap<string, StoredItem>;
  /** Base of what its catalogue is read from: itself while the last slice is here. */
  readonly readFrom: string;
}

export interface LeftPlace {
  /** Where the start that was cut off wrote. */
  readonly from: string;
  /** Staging of the one that takes it over. */
  readonly to: string;
  /** dar's base name. */
  readonly name: string;
  /** Of the backup, by object. */
  readonly items: ReadonlyMap<string, StoredItem>;
}

/** Null when dar had made nothing, or it was thrown away. Throws where a slice is missing. */
export async function findArchive({ context, sender }: Pick<AdoptPlace, 'context' | 'sender'>, note: SegmentNote, { from, to, name, items }: LeftPlace): Promise<LeftArchive | null> {
  const [source, base] = [join(from, name), join(to, name)];
  const here = await sliceNumbers(source);
  const onRecord = recorded(items, sender.objectOf({ file: `${base}.` }));
  const last = Math.max(0, ...here, ...onRecord.keys());
  if (last === 0) return null;
  for (const number of here) await link(sliceFile(source, number), sliceFile(base, number));
  const slices: CompleteSlice[] = [];
  const unsent: CompleteSlice[] = [];
  const onTheirWay = new Map<string, StoredItem>();
  for (let number = 1; number <= last; number++) {
    const item = onRecord.get(number);
    const file = sliceFile(base, number);
    const isAway = item !== undefined && hasEnough(item, context.backends.map(({ name }) => name));
    if (!isAway && !here.includes(number)) throw new Error(`slice ${number} of ${last} is missing`);
    const slice = { number, file, bytes: item?.bytes ?? (await stat(file)).size, sha512: item?.sha512 ?? '' };
    slices.push(slice);
    if (item === undefined) unsent.push(slice);
    else if (!isAway) onTheirWay.set(sender.objectOf(slice), item);
  }
  return { note, base, slices, unsent, onTheirWay, readFrom: here.includes(last) ? base : await linkCatalogue(source, base) };
}

/** By number. */
function recorded(items: ReadonlyMap<string, StoredItem>, prefix: string): Map<number, StoredItem> {
  const found = new Map<number, StoredItem>();
  for (const [object, item] of items) {
    const number = object.startsWith(prefix) ? /^([1-9]\d*)\.dar$/.exec(object.slice(prefix.length))?.[1] : undefined;
    if (number !== undefined) found.set(Number(number), item);
  }
  return found;
}

/** A complete archive that isolated its catalogue while it was written may be away whole. */
async function linkCatalogue(source: string, base: string): Promise<string> {
  const [from, to] = [sliceFile(isolatedBase(source), 1), sliceFile(isolatedBase(base), 1)];
  await link(from, to);
  await link(hashFileOf(from), hashFileOf(to));
  return isolatedBase(base);
}

/**
 * Tests what of it is still here, as dar may have been closed early or not at all, proves by its catalogue what it holds, and hashes anew what is not on record. Null when it
 * holds nothing that counts, or what nobody listed. Throws what says that it is no archive.
 */
export async function proveLeft(place: AdoptPlace, reconciler: ShardReconciler, left: LeftArchive, start: string): Promise<{ made: MadeArchive; unsent: readonly CompleteSlice[] } | null> {
  const { topdir: { dar }, shard, signal, workDir, sender } = place;
  const { base, note, slices, readFrom } = left;
  const options = { secretsDir: join(base, '..'), signal };
  if (readFrom === base) await testSlicesFrom(base, left.unsent[0]?.number ?? slices.length + 1, dar, options);
  const key = `${shard.number}.${note.segment}`;
  const counter = new EntryCounter();
  const result = await reconciler.addArchive({ archiveKey: key, entries: counter.watch(listCatalogue(readFrom, dar, options)), interrupted: true });
  if (!result.accepted || counter.entries === 0) return null;
  if (readFrom === base) await isolateCatalogue(base, isolatedBase(base), dar, options);
  // Named after who takes it over: whoever was cut off, or takes it over as well, may write one of its own.
  const catalogue = await keepCatalogue({ workDir }, { base }, `${left.base.slice(left.base.lastIndexOf('/') + 1)}.${start}.cat.1.dar`);
  const unsent: CompleteSlice[] = [];
  for (const slice of left.unsent) unsent.push(await rehash(slice));
  const all = [...slices.slice(0, slices.length - unsent.length), ...unsent];
  const what = { key, kind: 'data' as const, entries: counter.entries, directoriesWithEa: counter.directoriesWithEa, withEa: counter.withEa, catalogue };
  return { made: describeArchive({ sender }, { base, slices: all, outcome: await outcomeOf(left) }, what), unsent };
}

/** What dar closes early ends with; how it really ended nobody saw. */
const CLOSED_EARLY = 4;

async function outcomeOf({ note, slices }: LeftArchive): Promise<{ exitCode: number; wallMs: number; peakRssBytes: null; lastError: null }> {
  const ended = await stat(slices.at(-1)?.file ?? '').catch(() => null); // away already
  return { exitCode: CLOSED_EARLY, wallMs: Math.max(0, Math.round((ended?.mtimeMs ?? note.beganMs) - note.beganMs)), peakRssBytes: null, lastError: null };
}
