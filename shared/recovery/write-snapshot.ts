import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { END_BYTES, tarHeader, tarPadding } from '../bundle/tar.js';
import type { Catalog } from '../catalog/index.js';
import { BwError } from '../errors/bw-error.js';
import { readPieces } from '../files/read-pieces.js';
import { describeStatus, startPipeline } from '../process/index.js';
import { snapshotGroups, type SnapshotGroup } from './snapshot-files.js';

const PIECE_BYTES = 256 * 1024;

export interface SnapshotPartFile {
  /** From 1. */
  readonly part: number;
  readonly isLast: boolean;
  readonly file: string;
  readonly bytes: number;
  readonly sha512: string;
  /** Backups in it. */
  readonly backups: number;
}

export interface SnapshotRequest {
  readonly catalog: Pick<Catalog, 'root' | 'journalDir' | 'listBasepathIds'>;
  /** A part is ended when it has so much, before compression. */
  readonly partBytes: number;
  /** Name of a part's file, of ours. */
  readonly fileOf: (part: number) => string;
  /** Of all members, seconds. */
  readonly mtime: number;
  readonly signal?: AbortSignal;
}

/**
 * Writes catalog and journal as tar.zst files, one after the other; each is a whole tar by itself. Nothing but one part is on disk, and nothing is in memory, as
 * long as the caller removes what was given to it. Throws SNAPSHOT_FAILED, and system errors of reading.
 */
export async function* writeSnapshot(request: SnapshotRequest): AsyncGenerator<SnapshotPartFile> {
  const groups = new Ahead(snapshotGroups(request.catalog));
  for (let part = 1, isLast = false; !isLast; part++) {
    const counter = { backups: 0 };
    const file = request.fileOf(part);
    await compress(tarOf(groups, request, counter), file, request.signal);
    isLast = (await groups.peek()) === null;
    yield { part, isLast, file, ...counter, ...(await contentOf(file)) };
  }
}

/** Of an iterator, looks at the next one without taking it. */
class Ahead {
  #next: Promise<SnapshotGroup | null> | null = null;

  constructor(private readonly groups: AsyncGenerator<SnapshotGroup>) {}

  peek(): Promise<SnapshotGroup | null> {
    this.#next ??= this.groups.next().then((result) => (result.done === true ? null : result.value));
    return this.#next;
  }

  take(): void {
    this.#next = null;
  }
}

async function* tarOf(groups: Ahead, { partBytes, mtime, signal }: SnapshotRequest, counter: { backups: number }): AsyncGenerator<Buffer> {
  let bytes = 0;
  for (let group = await groups.peek(); group !== null && bytes < partBytes; group = await groups.peek()) {
    groups.take();
    signal?.throwIfAborted();
    for (const file of group.files) {
      yield tarHeader(file, mtime);
      yield* exactly(file.path, file.bytes);
      yield tarPadding(file.bytes);
      bytes += file.bytes;
    }
    if (group.isBackup) counter.backups += 1;
  }
  yield Buffer.alloc(END_BYTES);
}

/** So many bytes of a file; an error when they are not there any more: sealed files do not change, and a journal only grows. */
async function* exactly(path: string, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const piece of readPieces(path, PIECE_BYTES)) {
    if (left === 0) return;
    const own = Buffer.from(piece.subarray(0, left)); // the piece is used again while this one waits to be written
    left -= own.length;
    yield own;
  }
  if (left > 0) throw failed(`${path} became shorter while it was read`);
}

async function compress(tar: AsyncGenerator<Buffer>, file: string, signal: AbortSignal | undefined): Promise<void> {
  const input = Readable.from(tar, { objectMode: true });
  const [stage] = await startPipeline([{ program: 'zstd', args: ['-q', '-T1', '-3', '--check', '-c'] }], { input, stdoutFile: file, ...(signal === undefined ? {} : { signal }) }).done;
  signal?.throwIfAborted();
  if (stage?.status.code !== 0) throw failed(`zstd ended with ${stage === undefined ? 'nothing' : describeStatus(stage.status)}\n${stage?.stderr.toString() ?? ''}`);
}

async function contentOf(file: string): Promise<{ bytes: number; sha512: string }> {
  const hash = createHash('sha512');
  let bytes = 0;
  for await (const piece of readPieces(file, 1 << 20)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha512: hash.digest('hex') };
}

function failed(detail: string): BwError {
  return new BwError('SNAPSHOT_FAILED', {
    message: 'the snapshot of catalog and journal could not be made',
    retry: 'retry',
    detail,
    hint: 'It is made again. If it happens more than once: is there room in staging, and is the catalog sound (`bw-bkup verify`)?',
  });
}
