import { createHash, type Hash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Switches } from './switches.js';

/** Up to this a file is copied in one go: many small ones take seconds, not minutes. */
const SMALL_BYTES = 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

export interface CopyRequest {
  readonly from: string;
  readonly to: string;
  readonly size: number;
  /** Node's name of the hash that is made of both sides; null = nothing is compared. */
  readonly algorithm: string | null;
  readonly switches: Switches;
  /** Asked between chunks; false = stop there, with what is written so far. */
  readonly goOn: () => boolean;
}

export interface Copied {
  readonly bytes: number;
  readonly sourceSum: string | null;
  readonly destinationSum: string | null;
  /** stopped: goOn said so. broken: the cut-copy switch. */
  readonly end: 'whole' | 'stopped' | 'broken';
}

/** Copies bytes as GridFTP does: under the final name from the first byte on, truncating what was there. Rejects with the error of the filesystem (`side` tells whose). */
export async function copyFile(request: CopyRequest): Promise<Copied> {
  const fault = takeFault(request);
  const copied = request.size <= SMALL_BYTES ? copySmall(request, fault) : await copyBig(request, fault);
  if (copied.end !== 'whole' || request.algorithm === null) return copied;
  // Nobody looked: that is what makes it silent.
  if (fault === 'cut-silently') return { ...copied, destinationSum: copied.sourceSum };
  return { ...copied, destinationSum: await on('destination', () => hashFile(request.to, request.algorithm ?? 'md5', request.size)) };
}

type Fault = 'flip' | 'cut' | 'cut-silently' | null;

function takeFault({ switches, size }: CopyRequest): Fault {
  if (size === 0) return null;
  if (switches.flipBits > 0) {
    switches.flipBits--;
    return 'flip';
  }
  if (switches.cutCopies === 0) return null;
  switches.cutCopies--;
  return switches.cutSilently ? 'cut-silently' : 'cut';
}

function copySmall({ from, to, algorithm }: CopyRequest, fault: Fault): Copied {
  const bytes = onSync('source', () => readFileSync(from));
  const sourceSum = algorithm === null ? null : createHash(algorithm).update(bytes).digest('hex');
  const cut = fault === 'cut' || fault === 'cut-silently';
  const sent = cut ? bytes.subarray(0, bytes.length >> 1) : flipped(bytes, fault);
  onSync('destination', () => { writeMaking(to, sent); });
  return ended(fault, sent.length, sourceSum);
}

/** Parents are made when they are missed: to ask for each of ten thousand files takes longer than to copy them. */
function writeMaking(to: string, bytes: Buffer): void {
  try {
    writeFileSync(to, bytes);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, bytes);
  }
}

function ended(fault: Fault, bytes: number, sourceSum: string | null): Copied {
  return { bytes, sourceSum, destinationSum: null, end: fault === 'cut' ? 'broken' : 'whole' };
}

async function copyBig(request: CopyRequest, fault: Fault): Promise<Copied> {
  const { from, to, algorithm, size } = request;
  const source = await on('source', () => open(from, 'r'));
  try {
    await on('destination', () => mkdir(dirname(to), { recursive: true }));
    const destination = await on('destination', () => open(to, 'w'));
    try {
      const hash = algorithm === null ? null : createHash(algorithm);
      const limit = fault === 'cut' || fault === 'cut-silently' ? size >> 1 : Infinity;
      const { bytes, stopped } = await pump(request, source, destination, { hash, limit, flip: fault === 'flip' });
      const end = stopped ? 'stopped' : fault === 'cut' ? 'broken' : 'whole';
      return { bytes, sourceSum: hash?.digest('hex') ?? null, destinationSum: null, end };
    } finally {
      await destination.close();
    }
  } finally {
    await source.close();
  }
}

interface Pump {
  readonly hash: Hash | null;
  readonly limit: number;
  readonly flip: boolean;
}

async function pump({ goOn }: CopyRequest, source: FileHandle, destination: FileHandle, { hash, limit, flip }: Pump): Promise<{ bytes: number; stopped: boolean }> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let bytes = 0;
  for (;;) {
    if (!goOn()) return { bytes, stopped: true };
    const { bytesRead } = await on('source', () => source.read(buffer, 0, CHUNK_BYTES, null));
    if (bytesRead === 0) return { bytes, stopped: false };
    const chunk = buffer.subarray(0, bytesRead);
    hash?.update(chunk);
    const sent = chunk.subarray(0, Math.max(0, limit - bytes));
    await on('destination', () => destination.write(flip && bytes === 0 ? flipped(sent, 'flip') : sent));
    bytes += sent.length;
  }
}

function flipped(bytes: Buffer, fault: Fault): Buffer {
  if (fault !== 'flip') return bytes;
  const copy = Buffer.from(bytes);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}

async function hashFile(file: string, algorithm: string, size: number): Promise<string> {
  const hash = createHash(algorithm);
  if (size <= SMALL_BYTES) return hash.update(readFileSync(file)).digest('hex');
  const handle = await open(file, 'r');
  for await (const chunk of handle.createReadStream({ highWaterMark: CHUNK_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

export type Side = 'source' | 'destination';

/** An error of the filesystem, with the side that it happened on. */
export class SideError extends Error {
  constructor(
    readonly side: Side,
    readonly errno: string,
    message: string,
  ) {
    super(message);
  }
}

function sided(side: Side, thrown: unknown): SideError {
  const error = thrown as NodeJS.ErrnoException;
  return new SideError(side, error.code ?? 'EIO', error.message);
}

async function on<T>(side: Side, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    throw sided(side, thrown);
  }
}

function onSync<T>(side: Side, act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw sided(side, thrown);
  }
}
