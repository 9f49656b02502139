import { access } from 'node:fs/promises';
import { posix } from 'node:path';
import { BwError } from '../../errors/bw-error.js';
import type { TransferItem, TransferOptions } from '../backend.js';
import { abortedError, sourceError, throwIfAborted } from '../posix/fs-errors.js';
import { copyLayout, type CopyResult } from './copy-layout.js';
import { kindOfFailure, rcloneError } from './failures.js';
import { readListing } from './listing.js';
import { parseMessages } from './messages.js';
import { directoryOf, newPartDirectory } from './part-names.js';
import type { RcloneRemote } from './remote.js';
import { proveSources, type FailedItem, type ProvenItem } from './sources.js';

/** Of a batch of less it is not asked first what is there: to send it once more takes no longer, and whoever moves it to its name finds that out. */
const LOOK_FIRST_BYTES = 16 * 1024 * 1024;

/** Items that go the same way, and where each lies until it is proven. */
type Layout = ReadonlyMap<string, TransferItem>;

/**
 * Brings items to a remote, each proven there by a hash before it has its name, those that fail beside those that do not. Returns those that failed.
 * Throws what concerns all of them: LTS_MISSING, TRANSFER_ABORTED, RCLONE_CONFIG.
 */
export async function sendBatch(remote: RcloneRemote, key: string, items: readonly TransferItem[], now: () => number, options: TransferOptions): Promise<FailedItem[]> {
  const { signal } = options;
  throwIfAborted(signal, items[0]?.object ?? '');
  const facts = await remote.facts(signal);
  const bytes = bytesOf(items);
  const isLookedFor = facts.atomicPuts || bytes > LOOK_FIRST_BYTES;
  const [{ proven, failed }, { found }] = await Promise.all([
    proveSources(items, facts.hash ?? 'sha256', signal),
    isLookedFor ? remote.hashes(items.map((item) => item.object), bytes, signal) : { found: new Map<string, string>() },
    remote.assertRootOfLate(signal),
  ]);
  for (const { item, hash } of proven) {
    const there = found.get(item.object);
    if (there === hash) options.onProgress?.({ bytes: item.bytes, object: item.object });
    if (there !== undefined && there !== hash) failed.push({ item, error: objectExists(item, hash, there) });
  }
  const absent = proven.filter(({ item }) => !found.has(item.object));
  if (absent.length === 0) return failed;
  const send = facts.atomicPuts ? sendDirectly : sendAsParts;
  return [...failed, ...(await send(remote, { key, absent, now, options }))];
}

interface Sending {
  readonly key: string;
  readonly absent: readonly ProvenItem[];
  readonly now: () => number;
  readonly options: TransferOptions;
}

/** Object stores: what is there is complete. What does not prove right is removed again, if it was us who sent it. */
async function sendDirectly(remote: RcloneRemote, { absent, options }: Sending): Promise<FailedItem[]> {
  const layout = new Map(absent.map(({ item }) => [item.object, item]));
  let copied: ReadonlySet<string> = new Set();
  const right = new Set<string>();
  try {
    // What another putter of the same object has brought meanwhile is left alone.
    const result = await copyLayout(remote, layout, ['--ignore-existing'], { ...options, onProgress: (progress) => { options.onProgress?.(progress); } });
    copied = result.copied;
    const failed = await judge(remote, absent, (object) => object, result, options);
    for (const { item } of absent) if (!failed.some((other) => other.item === item)) right.add(item.object);
    return failed;
  } finally {
    const wrong = [...layout.keys()].filter((object) => !right.has(object) && (copied.has(object) || options.signal?.aborted === true));
    if (wrong.length > 0) await removeWrong(remote, wrong, absent);
  }
}

/** Only what is not what it should be: an object that another putter has brought, or that was complete when we were stopped, is true. */
async function removeWrong(remote: RcloneRemote, names: readonly string[], absent: readonly ProvenItem[]): Promise<void> {
  const { found } = await remote.hashes(names, bytesOf(absent.map(({ item }) => item)));
  const expected = new Map(absent.map(({ item, hash }) => [item.object, hash]));
  const wrong = names.filter((name) => found.has(name) && found.get(name) !== expected.get(name));
  if (wrong.length > 0) await remote.run(['delete', remote.at('')], { names: wrong, subject: remote.at('') });
}

/** Everything else: sent to directories beside, proven there, and moved by the far end. */
async function sendAsParts(remote: RcloneRemote, { key, absent, now, options }: Sending): Promise<FailedItem[]> {
  const parts = new Map([...new Set(absent.map(({ item }) => directoryOf(item.object)))].map((dir) => [dir, newPartDirectory(dir, key, now())]));
  const partOf = (object: string): string => posix.join(parts.get(directoryOf(object)) ?? '', posix.basename(object));
  const layout: Layout = new Map(absent.map(({ item }) => [partOf(item.object), item]));
  try {
    // Nothing can be there: the directory is ours alone.
    const result = await copyLayout(remote, layout, ['--no-check-dest'], options);
    const failed = await judge(remote, absent, partOf, result, options);
    const right = absent.filter(({ item }) => !failed.some((other) => other.item === item));
    const moved = new Set<string>();
    for (const [dir, partDir] of parts) for (const object of await publish(remote, dir, partDir, right.filter(({ item }) => directoryOf(item.object) === dir), options)) moved.add(object);
    return [...failed, ...(await confirm(remote, right, moved, options))];
  } finally {
    for (const partDir of parts.values()) await remote.discard(partDir);
  }
}

/** Compares what arrived with what it should be: rc 0 proves nothing. */
async function judge(remote: RcloneRemote, absent: readonly ProvenItem[], nameOf: (object: string) => string, result: CopyResult, options: TransferOptions): Promise<FailedItem[]> {
  const { found } = await remote.hashes(absent.map(({ item }) => nameOf(item.object)), bytesOf(absent.map(({ item }) => item)), options.signal);
  const failed: FailedItem[] = [];
  for (const { item, hash } of absent) {
    const name = nameOf(item.object);
    const there = found.get(name);
    if (there !== hash) failed.push({ item, error: there === undefined ? await whyAbsent(remote, item, name, result) : notTheSame(remote, item, hash, there) });
  }
  return failed;
}

/** By the far end, without replacing anything. Returns the objects that rclone says it has moved: what is there under another's name is looked at in `confirm`. */
async function publish(remote: RcloneRemote, dir: string, partDir: string, right: readonly ProvenItem[], options: TransferOptions): Promise<string[]> {
  if (right.length === 0) return [];
  const { signal } = options;
  if (signal?.aborted === true) throw abortedError(right[0]?.item.object ?? '');
  const names = right.map(({ item }) => posix.basename(item.object));
  if (dir !== '') return movedBy(await remote.attempt(['move', '-v', '--ignore-existing', remote.at(partDir), remote.at(dir)], { names, signal, subject: dir, about: { bytes: bytesOf(right.map(({ item }) => item)) } })).map((name) => posix.join(dir, name));
  // rclone refuses to move into a directory that holds the one it moves from.
  const moved: string[] = [];
  for (const name of names) moved.push(...movedBy(await remote.attempt(['moveto', '-v', '--ignore-existing', remote.at(posix.join(partDir, name)), remote.at(name)], { signal, subject: name, about: { bytes: bytesOf(right.map(({ item }) => item)) } })));
  return moved;
}

function movedBy({ stderr }: { readonly stderr: string }): string[] {
  return parseMessages(stderr).flatMap(({ text, object }) => (object !== null && /^(?:Moved|Copied)\b/.test(text) ? [object] : []));
}

/** That each is there under its name, of the right size; where rclone did not say that it moved ours there, as another putter was first, also of the right hash. */
async function confirm(remote: RcloneRemote, right: readonly ProvenItem[], moved: ReadonlySet<string>, options: TransferOptions): Promise<FailedItem[]> {
  if (right.length === 0) return [];
  const sizes = new Map<string, number>();
  for await (const { path, bytes } of readListing(remote, '', ['--files-only'], { names: right.map(({ item }) => item.object), signal: options.signal })) sizes.set(path, bytes);
  const doubtful = right.filter(({ item }) => sizes.get(item.object) !== item.bytes || !moved.has(item.object));
  if (doubtful.length === 0) return [];
  const { found } = await remote.hashes(doubtful.map(({ item }) => item.object), bytesOf(doubtful.map(({ item }) => item)), options.signal);
  return doubtful.flatMap(({ item, hash }): FailedItem[] => {
    const there = found.get(item.object);
    if (there === hash) return [];
    return [{ item, error: there === undefined ? rcloneError('other', [], { lts: remote.options.lts, subject: item.object }) : objectExists(item, hash, there) }];
  });
}

function bytesOf(items: readonly TransferItem[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function whyAbsent(remote: RcloneRemote, item: TransferItem, name: string, { code, messages }: CopyResult): Promise<BwError> {
  try {
    await access(item.file);
  } catch (thrown) {
    return sourceError(thrown, item.file);
  }
  return rcloneError(kindOfFailure(code, messages, name), messages, { lts: remote.options.lts, subject: item.object });
}

function notTheSame(remote: RcloneRemote, item: TransferItem, expected: string, found: string): BwError {
  return new BwError('TRANSFER_VERIFY_MISMATCH', {
    message: 'what arrived in long-term storage differs from what was sent; it was removed again',
    retry: 'retry',
    subject: item.object,
    lts: remote.options.lts,
    hint: 'It is sent again. If it happens more than once, check the storage and the network path to it.',
    detail: `expected ${expected}\nfound ${found}`,
  });
}

function objectExists(item: TransferItem, expected: string, found: string): BwError {
  return new BwError('TRANSFER_OBJECT_EXISTS', {
    message: 'another object of this name is in long-term storage already, with other content; it was left as it is',
    retry: 'permanent',
    subject: item.object,
    hint: 'Names are never used twice, so that object is damaged or foreign: find out which backup names it before removing anything.',
    detail: `expected ${expected}\nfound ${found}`,
  });
}
