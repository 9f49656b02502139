import { readFile, realpath, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { tryWriting } from '../files/try-writing.js';
import { lookAtSource } from './source-fact.js';

/** What is asked of a path: topdirs are read, stores are written, the catalog also needs exclusive links, secrets are private files. */
export type PathRole = 'read' | 'write' | 'catalog' | 'secret';

/** What one host finds at a path. Error codes (`EACCES`, `EROFS`, ...) are the kernel's. */
export interface PathFact {
  /** Without symlinks; of a path that does not exist, its nearest existing parent's, joined with the rest. */
  readonly real: string;
  readonly kind: 'missing' | 'directory' | 'file' | 'other' | 'unreachable';
  /** Permission bits. */
  readonly mode: number;
  /** Why it cannot be used in its role; null = it can. */
  readonly failure: string | null;
  /** Size of its filesystem; null = unknown. */
  readonly filesystemBytes: number | null;
  /** First line of a secret file. */
  readonly secret: string | null;
}

export type Probe = (path: string, role: PathRole) => Promise<PathFact>;
export type Facts = ReadonlyMap<string, PathFact>;

/** A stat on a dead network mount hangs for ever; this long is a mount in trouble. */
const PROBE_TIMEOUT_MS = 10_000;

/** Asks the filesystem about a path; never throws, whatever it finds is the answer. Writes and removes a small file where the role needs it. */
export async function probePath(path: string, role: PathRole): Promise<PathFact> {
  const late = new Promise<PathFact>((resolve) => {
    setTimeout(() => { resolve(fact(path, 'unreachable', { failure: `no answer in ${PROBE_TIMEOUT_MS / 1000} s` })); }, PROBE_TIMEOUT_MS).unref();
  });
  return Promise.race([late, look(path, role)]);
}

async function look(path: string, role: PathRole): Promise<PathFact> {
  if (role === 'read') return { ...(await lookAtSource(path, PROBE_TIMEOUT_MS)), secret: null };
  try {
    const status = await stat(path);
    const kind = status.isDirectory() ? 'directory' : status.isFile() ? 'file' : 'other';
    const wanted = role === 'secret' ? 'file' : 'directory';
    const usable = kind === wanted ? await use(path, role) : { failure: `not a ${wanted}`, secret: null };
    return fact(await realpath(path), kind, { ...usable, mode: status.mode & 0o7777, filesystemBytes: await filesystemBytes(path) });
  } catch (thrown) {
    const code = errorCode(thrown);
    const kind = code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreachable';
    return fact(await nearestReal(path), kind, { failure: code });
  }
}

function fact(real: string, kind: PathFact['kind'], more: Partial<PathFact>): PathFact {
  return { real, kind, mode: 0, failure: null, filesystemBytes: null, secret: null, ...more };
}

async function use(path: string, role: Exclude<PathRole, 'read'>): Promise<{ failure: string | null; secret: string | null }> {
  try {
    if (role === 'secret') return { failure: null, secret: firstLine(await readFile(path, 'utf8')) };
    else await tryWriting(path, role === 'catalog'); // the seal is a link
    return { failure: null, secret: null };
  } catch (thrown) {
    return { failure: errorCode(thrown), secret: null };
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.trim() ?? '';
}

async function filesystemBytes(path: string): Promise<number | null> {
  const status = await statfs(path).catch(() => null); // no size is an answer
  return status === null ? null : status.blocks * status.bsize;
}

async function nearestReal(path: string): Promise<string> {
  const parent = dirname(path);
  if (parent === path) return path;
  const real = await realpath(parent).catch(() => nearestReal(parent));
  return join(real, basename(path));
}

function errorCode(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : String(thrown);
}
