import { BwError } from '../errors/bw-error.js';
import { bytePath, type BytePath } from '../paths/byte-path.js';
import { Cursor } from './cursor.js';
import { compareEntries } from './compare-entries.js';
import type { ComparedField, Difference, Entry } from './difference.js';
import { readTree } from './read-tree.js';

export interface CompareOptions {
  /** Absolute directories; by convention the source left and the restored tree right. */
  readonly left: BytePath;
  readonly right: BytePath;
  /** `hash`: read every regular file of both. */
  readonly content: 'hash' | 'none';
  readonly signal?: AbortSignal;
  readonly ignore?: {
    readonly fields?: readonly ComparedField[];
    /** Exact names, or a beginning with `*`: `trusted.lov`, `security.*`. */
    readonly xattrs?: readonly string[];
    /** Paths below the roots that are not compared; what lies below them is asked for on its own. */
    readonly path?: (path: BytePath) => boolean;
  };
  /** How many differences are listed, not counted. Default 1000. */
  readonly maxListed?: number;
  /** Called per path, for progress. */
  readonly onEntry?: (compared: { readonly entries: number; readonly bytes: number }) => void;
}

export interface CompareResult {
  readonly same: boolean;
  /** Paths and bytes of regular files (names of one inode each) that are on both sides. */
  readonly compared: { readonly entries: number; readonly bytes: number };
  /** Bytes on disk of regular files on both sides: much more on the right means that holes were filled. */
  readonly allocated: { readonly leftBytes: number; readonly rightBytes: number };
  /** The first ones, in path order. */
  readonly differences: readonly Difference[];
  readonly totalDifferences: number;
}

/**
 * Compares two trees in one pass with bounded memory. Throws COMPARE_FAILED (a tree could not be read completely),
 * COMPARE_ABORTED, COMPARE_OUTPUT, PROGRAM_NOT_FOUND; RangeError for a root that is not absolute.
 */
export async function compareTrees(options: CompareOptions): Promise<CompareResult> {
  const [left, right] = [absoluteRoot(options.left), absoluteRoot(options.right)];
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const read = { content: options.content, xattrs: needsXattrs(options), signal };
  const tally = new Tally(options);
  const sides = [new Cursor(readTree(left, read)), new Cursor(readTree(right, read))] as const;
  try {
    await merge(...sides, tally);
  } catch (error) {
    throw options.signal?.aborted === true ? aborted(error) : error;
  } finally {
    stop.abort(); // first: a side that waits for its programs would not hear close()
    await Promise.allSettled(sides.map((side) => side.close()));
  }
  if (options.signal?.aborted === true) throw aborted(undefined);
  return tally.result();
}

async function merge(left: Cursor<Entry>, right: Cursor<Entry>, tally: Tally): Promise<void> {
  for (;;) {
    const [a, b] = await Promise.all([left.peek(), right.peek()]);
    if (a === null && b === null) return;
    const order = compareHeads(a, b);
    if (order <= 0) await left.take();
    if (order >= 0) await right.take();
    if (order === 0) tally.both(a as Entry, b as Entry);
    else tally.oneSided(order < 0 ? a : null, order < 0 ? null : b);
  }
}

/** Which side is behind: -1 left, 1 right, 0 both stand at the same path. */
function compareHeads(left: Entry | null, right: Entry | null): number {
  if (left === null) return 1;
  if (right === null) return -1;
  if (left.key === right.key) return 0;
  return left.key < right.key ? -1 : 1;
}

/** Counts and keeps the first differences. */
class Tally {
  private readonly listed: Difference[] = [];
  private total = 0;
  private entries = 0;
  private bytes = 0;
  private leftBytes = 0;
  private rightBytes = 0;

  constructor(private readonly options: CompareOptions) {}

  both(left: Entry, right: Entry): void {
    if (this.options.ignore?.path?.(left.path) === true) return;
    this.entries += 1;
    if (left.type === 'f' && right.type === 'f') {
      this.bytes += Number(left.size);
      this.leftBytes += Number(left.blocks) * 512;
      this.rightBytes += Number(right.blocks) * 512;
    }
    this.add(compareEntries(this.withoutIgnored(left), this.withoutIgnored(right), this.options));
    this.options.onEntry?.({ entries: this.entries, bytes: this.bytes });
  }

  oneSided(left: Entry | null, right: Entry | null): void {
    const path = (left ?? right)?.path;
    if (path === undefined || this.options.ignore?.path?.(path) === true) return;
    this.add([{ path, field: 'presence', left: left?.type ?? '-', right: right?.type ?? '-' }]);
  }

  result(): CompareResult {
    return {
      same: this.total === 0,
      compared: { entries: this.entries, bytes: this.bytes },
      allocated: { leftBytes: this.leftBytes, rightBytes: this.rightBytes },
      differences: this.listed,
      totalDifferences: this.total,
    };
  }

  private add(differences: readonly Difference[]): void {
    for (const difference of differences) {
      if (this.options.ignore?.fields?.includes(difference.field) === true) continue;
      this.total += 1;
      if (this.listed.length < (this.options.maxListed ?? 1000)) this.listed.push(difference);
    }
  }

  private withoutIgnored(entry: Entry): Entry {
    const masks = this.options.ignore?.xattrs ?? [];
    if (masks.length === 0 || entry.xattrs.size === 0) return entry;
    return { ...entry, xattrs: new Map([...entry.xattrs].filter(([name]) => !masks.some((mask) => matches(name, mask)))) };
  }
}

function matches(name: string, mask: string): boolean {
  return mask.endsWith('*') ? name.startsWith(mask.slice(0, -1)) : name === mask;
}

function needsXattrs(options: CompareOptions): boolean {
  const ignored = options.ignore?.fields ?? [];
  return !(ignored.includes('acl') && ignored.includes('xattr'));
}

/** Without slashes at its end: find prints the root as it was given. `/` becomes `/.`, since keys need a `ROOT/`. */
function absoluteRoot(root: BytePath): BytePath {
  if (!root.startsWith('/')) throw new RangeError(`not an absolute path: ${root}`);
  const trimmed = root.replace(/\/+$/, '');
  return bytePath.of(trimmed === '' ? '/.' : trimmed.replace(/\/{2,}/g, '/'));
}

function aborted(cause: unknown): BwError {
  return new BwError('COMPARE_ABORTED', {
    message: 'The comparison was stopped because its caller ended',
    retry: 'retry',
    hint: 'Nothing to do: it was stopped on purpose and says nothing about the trees.',
    ...(cause === undefined ? {} : { cause }),
  });
}
