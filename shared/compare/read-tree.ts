import { Readable, type Writable } from 'node:stream';
import { pipeline as pump } from 'node:stream/promises';
import { BwError } from '../errors/bw-error.js';
import { bytePath, showPath, type BytePath } from '../paths/byte-path.js';
import { describeStatus, startPipeline, tailText, type Arg, type Command, type Pipeline, type StageResult } from '../process/index.js';
import { Cursor, lines, nulRecords } from './cursor.js';
import type { Entry } from './difference.js';
import { ENTRY_FORMAT, parseDevice, parseEntry, parseHash, parseLink, parseXattrs, pathOf, type StatEntry } from './parse.js';

/** Four sorts per tree at most; the rest goes to TMPDIR. */
const SORT: Command = { program: 'sort', args: ['-z', '-S', '32M', '--parallel=1'] };
/** `PATH//` sorts as the other streams do; programs are given PATH. */
const CUT_KEY: Command = { program: 'sed', args: ['-z', 's,//$,,'] };
/** xargs ends with it when a program failed for some paths: those have no output, which the comparison notices. */
const SOME_FAILED = 123;

export interface ReadTreeOptions {
  readonly content: 'hash' | 'none';
  readonly xattrs: boolean;
  readonly signal: AbortSignal;
}

/**
 * Everything below (and including) an absolute directory in key order. Further passes over the tree are made only
 * when something asks for them: the first regular file starts the hashing, the first device the device numbers.
 * Throws COMPARE_FAILED, COMPARE_OUTPUT, PROGRAM_NOT_FOUND.
 */
export async function* readTree(root: BytePath, options: ReadTreeOptions): AsyncGenerator<Entry, void> {
  const prefix = `${root}/`;
  const tree: Tree = { root: bytePath.toBuffer(root), prefix, signal: options.signal };
  const extras: Extras = {
    hashes: new Cursor(hashStream(tree)),
    devices: new Cursor(deviceStream(tree)),
    firstNames: new Cursor(firstNameStream(tree)),
    xattrs: new Cursor(xattrStream(tree)),
  };
  try {
    for await (const entry of entryStream(tree)) yield await complete(entry, extras, options);
    for (const cursor of Object.values(extras) as Cursor<Keyed<unknown>>[]) await cursor.finish();
  } finally {
    await Promise.all((Object.values(extras) as Cursor<Keyed<unknown>>[]).map((cursor) => cursor.close()));
  }
}

interface Extras {
  readonly hashes: Cursor<Keyed<string>>;
  readonly devices: Cursor<Keyed<string>>;
  readonly firstNames: Cursor<Keyed<BytePath>>;
  readonly xattrs: Cursor<Keyed<ReadonlyMap<string, string>>>;
}

/** Joins an entry with what the other streams say about its path. */
async function complete(entry: StatEntry, extras: Extras, options: ReadTreeOptions): Promise<Entry> {
  const { key, type } = entry;
  const isLinked = type !== 'd' && entry.nlink !== '1';
  return {
    ...entry,
    sha256: options.content === 'hash' && type === 'f' ? await valueAt(extras.hashes, key) : null,
    rdev: type === 'b' || type === 'c' ? await valueAt(extras.devices, key) : null,
    firstName: isLinked ? await valueAt(extras.firstNames, key) : entry.path,
    xattrs: options.xattrs ? ((await valueAt(extras.xattrs, key)) ?? NO_XATTRS) : NO_XATTRS,
  };
}

async function valueAt<T>(cursor: Cursor<Keyed<T>>, key: string): Promise<T | null> {
  return (await cursor.takeKey(key))?.value ?? null;
}

const NO_XATTRS: ReadonlyMap<string, string> = new Map();

interface Tree {
  readonly root: Buffer;
  readonly prefix: string;
  readonly signal: AbortSignal;
}

interface Keyed<T> {
  readonly key: string;
  readonly value: T;
}

async function* entryStream(tree: Tree): AsyncGenerator<StatEntry, void> {
  const records = nulRecords(read(tree, [find(tree, ['-printf', ENTRY_FORMAT]), SORT]));
  for await (const record of records) yield parseEntry(record, tree.prefix);
}

async function* hashStream(tree: Tree): AsyncGenerator<Keyed<string>, void> {
  const hash = xargs('sha256sum', ['-z', '--']);
  const records = nulRecords(read(tree, [find(tree, ['-type', 'f', '-printf', '%p//\\0']), SORT, CUT_KEY, hash], [SOME_FAILED]));
  for await (const record of records) yield parseHash(record, tree.prefix);
}

async function* deviceStream(tree: Tree): AsyncGenerator<Keyed<string>, void> {
  const devices = ['(', '-type', 'b', '-o', '-type', 'c', ')', '-printf', '%p//\\0'];
  const stat = xargs('stat', ['--printf', '%t:%T %n\\0', '--']);
  for await (const record of nulRecords(read(tree, [find(tree, devices), SORT, CUT_KEY, stat]))) yield parseDevice(record, tree.prefix);
}

function xattrStream(tree: Tree): AsyncGenerator<Keyed<ReadonlyMap<string, string>>, void> {
  const getfattr = xargs('getfattr', ['-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--']);
  return parseXattrs(lines(read(tree, [find(tree, ['-printf', '%p//\\0']), SORT, CUT_KEY, getfattr])), tree.prefix);
}

/** Sorted by inode first, so that each name learns the first name of its inode; then by path like the other streams. */
async function* firstNameStream(tree: Tree): AsyncGenerator<Keyed<BytePath>, void> {
  const linked = ['!', '-type', 'd', '-links', '+1', '-printf', '%D:%i %p//\\0'];
  const byInode = nulRecords(read(tree, [find(tree, linked), SORT]));
  const names = namesWithFirst(byInode, tree.prefix);
  for await (const record of nulRecords(read(tree, [SORT], [], names))) {
    const end = record.indexOf('//');
    yield { key: record.slice(0, end + 2), value: pathOf(record.slice(end + 2)) };
  }
}

/** `KEY FIRSTKEY` per name: keys end in `//`, so they need no separator. */
async function* namesWithFirst(byInode: AsyncIterable<string>, prefix: string): AsyncGenerator<Buffer, void> {
  let inode = '';
  let firstKey = '';
  for await (const record of byInode) {
    const link = parseLink(record, prefix);
    if (link.inode !== inode) {
      inode = link.inode;
      firstKey = link.key;
    }
    yield Buffer.from(`${link.key}${firstKey}\0`, 'latin1');
  }
}

function find(tree: Tree, expression: readonly Arg[]): Command {
  return { program: 'find', args: ['-P', tree.root, ...expression] };
}

function xargs(program: string, args: readonly string[]): Command {
  return { program: 'xargs', args: ['-0', '-r', program, ...args] };
}

/** Output of a pipeline; ends in an error if a stage or the input failed, for then the output cannot be all. */
async function* read(tree: Tree, commands: readonly Command[], okLast: readonly number[] = [], input?: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  const pipeline = startPipeline(commands, { signal: tree.signal, input: input === undefined ? 'none' : 'pipe' });
  const fed = input === undefined ? Promise.resolve(null) : feed(input, pipeline);
  try {
    for await (const chunk of pipeline.stdout) yield chunk as Buffer;
    const failure = await fed;
    if (failure instanceof BwError) throw failure;
    const stages = await pipeline.done;
    for (const [i, stage] of stages.entries()) checkStage(tree, stage, i === stages.length - 1 ? okLast : []);
    if (failure !== null) throw failure;
  } finally {
    pipeline.stop();
    pipeline.stdout.destroy();
    await pipeline.done.catch(() => undefined); // what failed first is already on its way to the caller
    await fed;
    await input?.return();
  }
}

/** Resolves with what went wrong: a broken pipe only says that the program ended, whose exit code says why. */
async function feed(input: AsyncIterable<Buffer>, pipeline: Pipeline): Promise<Error | null> {
  try {
    await pump(Readable.from(input, { objectMode: false }), pipeline.stdin as Writable);
    return null;
  } catch (error) {
    pipeline.stop();
    return error as Error;
  }
}

function checkStage(tree: Tree, stage: StageResult, okCodes: readonly number[]): void {
  const { code } = stage.status;
  if (code === 0 || (code !== null && okCodes.includes(code))) return;
  throw new BwError('COMPARE_FAILED', {
    message: `The tree could not be read completely: ${stage.program} ended with ${describeStatus(stage.status)}`,
    retry: 'retry',
    hint: 'Compare as a user who may read everything, while nothing is being changed in either tree.',
    subject: showPath(bytePath.fromBuffer(tree.root)),
    detail: tailText(stage.stderr),
  });
}
