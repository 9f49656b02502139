import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path/posix';
import { Readable } from 'node:stream';
import { BwError } from '../../errors/bw-error.js';
import type { TransferItem, TransferOptions } from '../backend.js';
import { PART_MARK, partTag } from '../object-name.js';
import { isSourceIntact, sourceCorrupt } from '../posix/copy-into.js';
import { sourceError, throwIfAborted } from '../posix/fs-errors.js';
import { showContent } from '../posix/hash-file.js';
import { closeFile, openFile } from '../posix/raw-fs.js';
import { readChunks } from '../posix/read-chunks.js';
import { classify, wordsError } from './classify.js';
import type { ControlSession } from './control/session.js';
import type { FarEnd } from './far-end.js';
import { BatchProgress } from './progress.js';
import { prove } from './prove.js';

/** From here on several streams, and looks at how much is there meanwhile. */
export const BIG_BYTES = 16 * 1024 * 1024;
/** Copies at once within one process, of small objects: more helped little. */
const SMALL_AT_ONCE = 2;
/** Sent whole before the server can refuse any of it, so that what it answers is heard: amid more, its connection breaks first, sometimes. */
const PROBE_BYTES = 64 * 1024;

interface Part {
  readonly item: TransferItem;
  readonly final: string;
  /** Unfinished object beside its final name, ours alone. */
  readonly path: string;
}

/**
 * Brings items to the far end by one process of globus-url-copy (one per item where the bandwidth is limited), has each hashed there, and only then renamed
 * to its name. What is there already with the same content is adopted. Returns the errors of those that failed; what they left half-written is removed.
 */
export async function putItems(far: FarEnd, key: string, items: readonly TransferItem[], options: TransferOptions): Promise<unknown[]> {
  const errors: unknown[] = [];
  const note = (thrown: unknown): null => { errors.push(thrown); return null; };
  const { signal } = options;
  const parts = (await Promise.all(items.map((item) => judgeSource(item).then(() => partOf(far, key, item)).catch(note)))).filter((part) => part !== null);
  const progress = new BatchProgress(far, options);
  const left = new Set<Part>();
  try {
    const open = await far.sessions.use((session) => unsent(far, session, parts, progress, note), signal);
    for (const part of open) left.add(part);
    const said = open.length === 0 ? '' : await copyAll(far, open, progress, options, note);
    const why = reasonOf(far, said, signal);
    await far.sessions.use((session) => Promise.all(open.map(async (part) => {
      await publish(far, session, part, why, progress, options).then((renamed) => { if (renamed) left.delete(part); }, note);
    })), signal);
  } catch (thrown) {
    errors.unshift(thrown);
  }
  if (left.size > 0) await discard(far, [...left].map(({ path }) => path));
  return errors;
}

/** Removes unfinished objects. Of a server that does not answer, sweepParts removes them later. */
export async function discard(far: FarEnd, paths: readonly string[]): Promise<void> {
  await far.sessions.use((session) => Promise.all(paths.map((path) => session.remove(path)))).catch(() => undefined);
}

export function partPath(final: string, key: string): string {
  return `${final}${PART_MARK}${partTag(key)}-${randomBytes(4).toString('hex')}`;
}

function partOf(far: FarEnd, key: string, item: TransferItem): Part {
  const final = far.path(item.object);
  return { item, final, path: partPath(final, key) };
}

async function judgeSource(item: TransferItem): Promise<void> {
  const { size } = await stat(item.file).catch((thrown: unknown) => { throw sourceError(thrown, item.file); });
  if (size !== item.bytes) throw sourceCorrupt(item, `${size} bytes`);
}

/** Those of which nothing is there yet, and whose directories are. */
async function unsent(far: FarEnd, session: ControlSession, parts: readonly Part[], progress: BatchProgress, note: (thrown: unknown) => null): Promise<Part[]> {
  await far.ensureDirectories(session, new Set(parts.map(({ final }) => dirname(final))));
  const adopted = await Promise.all(parts.map((part) => adopt(far, session, part).catch((thrown: unknown) => { note(thrown); return true; })));
  for (const [i, { item }] of parts.entries()) if (adopted[i] === true) progress.reach(item, item.bytes);
  return parts.filter((_, i) => adopted[i] === false);
}

/** True when the final name has the item's content, false when it is free; throws TRANSFER_OBJECT_EXISTS for other content. */
async function adopt(far: FarEnd, session: ControlSession, { item, final }: Part): Promise<boolean> {
  const there = await session.look(final);
  if (there === null) return false;
  if (there.kind === 'file' && (await prove(far, session, { item, path: final, hasFile: true })) === 'match') return true;
  throw new BwError('TRANSFER_OBJECT_EXISTS', {
    message: 'another object of this name is in long-term storage already, with other content; it was left as it is',
    retry: 'permanent',
    subject: item.object,
    hint: 'Names are never used twice, so that object is damaged or foreign: find out which backup names it before removing anything.',
    detail: `expected ${showContent(item)}\nfound ${there.bytes} bytes`,
  });
}

/** Returns what globus-url-copy said: why some are not there, or not as they should be. */
async function copyAll(far: FarEnd, parts: readonly Part[], progress: BatchProgress, options: TransferOptions, note: (thrown: unknown) => null): Promise<string> {
  const { signal } = options;
  throwIfAborted(signal, parts[0]?.item.object ?? '');
  if (far.bandwidth.write.rate() === null) {
    const parallel = parts.some(({ item }) => item.bytes >= BIG_BYTES);
    const watched = progress.watch(parts.filter(({ item }) => item.bytes >= BIG_BYTES));
    const copies = parts.map(({ item, path }) => ({ file: item.file, path }));
    return far.urlCopy.put(copies, { parallel, concurrent: parallel ? 1 : SMALL_AT_ONCE }, signal).finally(watched);
  }
  const said: string[] = [];
  for (const part of parts) said.push(await putPaced(far, part, progress, options).catch((thrown: unknown) => { note(thrown); return ''; }));
  return said.join('');
}

/** globus-url-copy has no limit of its own: it is fed as slowly as it may send. */
async function putPaced(far: FarEnd, { item, path }: Part, progress: BatchProgress, { signal }: TransferOptions): Promise<string> {
  throwIfAborted(signal, item.object);
  const source = await openFile(item.file, 'r').catch((thrown: unknown) => { throw sourceError(thrown, item.file); });
  async function* paced(): AsyncGenerator<Buffer> {
    let sent = 0;
    for await (const chunk of readChunks(source, item.bytes)) {
      await far.bandwidth.write.take(chunk.length, signal);
      throwIfAborted(signal, item.object);
      yield Buffer.from(chunk); // a chunk is valid until the next is asked for
      sent += chunk.length;
      progress.reach(item, Math.min(sent, item.bytes));
    }
  }
  try {
    return await far.urlCopy.putStream(Readable.from(paced(), { objectMode: false }), path, { parallel: item.bytes >= BIG_BYTES }, signal);
  } finally {
    await closeFile(source);
  }
}

/** True when the part has become the object, false when the object is there by another. */
async function publish(far: FarEnd, session: ControlSession, part: Part, why: Reason, progress: BatchProgress, { signal }: TransferOptions): Promise<boolean> {
  const { item, path, final } = part;
  const verdict = await prove(far, session, { item, path, hasFile: true, signal });
  if (verdict !== 'match') throw await explain(part, verdict, why, signal);
  progress.reach(item, item.bytes);
  throwIfAborted(signal, item.object);
  return far.claim(final, async () => {
    if (await adopt(far, session, part)) return false;
    await session.rename(path, final);
    return true;
  });
}

/** What was said of a part that is not right, asked for once it is needed. */
type Reason = (part: Part) => Promise<string>;

/** A full storage may look like a broken connection: while it still is, a little more is sent there, once for all, and tells which. */
function reasonOf(far: FarEnd, said: string, signal: AbortSignal | undefined): Reason {
  let probed: Promise<string> | undefined;
  return async ({ item, path }) => {
    if (said.trim() === '' || classify(said).code !== 'TRANSFER_IO' || item.bytes <= PROBE_BYTES) return said;
    const probe = { file: item.file, path: `${path}-probe` };
    probed ??= far.urlCopy.put([probe], { range: { offset: 0, length: PROBE_BYTES } }, signal).finally(() => discard(far, [probe.path]));
    const answer = await probed;
    return classify(answer).code === 'TRANSFER_NO_SPACE' ? answer : said;
  };
}

async function explain(part: Part, verdict: string, why: Reason, signal: AbortSignal | undefined): Promise<BwError> {
  const { item } = part;
  if (!(await isSourceIntact(item, signal))) return sourceCorrupt(item, 'another hash');
  const said = await why(part);
  if (said.trim() !== '') return wordsError(said, item.object);
  return new BwError('TRANSFER_VERIFY_MISMATCH', {
    message: 'what the GridFTP server has differs from what was sent to it; it was removed again',
    retry: 'retry',
    subject: item.object,
    hint: 'It is sent again. If it happens more than once, check the storage and the network path to it.',
    detail: `expected ${showContent(item)}\nfound: ${verdict}`,
  });
}
