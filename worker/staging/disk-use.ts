import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FILES_DIR } from '../tasks/files-on-their-way.js';

/** Told of every file, with its directory. */
export type Visit = (dir: string, name: string, bytes: number) => void;

/**
 * Bytes of all files below a directory of ours, by a walk: what really lies there is what is used, whoever was killed when. Links count
 * as themselves: they lead to long-term storage. A second name of a file that a task may read takes no room. `skip`: names directly in `dir` that are passed over.
 */
export async function diskUse(dir: string, visit: Visit = () => undefined, skip: ReadonlySet<string> = new Set()): Promise<number> {
  const look = async (entry: Dirent): Promise<number> => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return diskUse(path, visit);
    const info = await lstat(path).catch(() => null); // released while we look
    if (info !== null) visit(dir, entry.name, info.size);
    return info === null || (info.nlink > 1 && basename(dir) === FILES_DIR) ? 0 : info.size;
  };
  const entries = (await entriesOf(dir)).filter(({ name }) => !skip.has(name));
  let bytes = 0;
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    for (const each of await Promise.all(entries.slice(at, at + AT_ONCE).map(look))) bytes += each;
  }
  return bytes;
}

/** One after the other each call waits for a thread of its own, which takes milliseconds on a busy machine. */
const AT_ONCE = 64;

async function entriesOf(dir: string): Promise<Dirent[]> {
  return readdir(dir, { withFileTypes: true }).catch((thrown: unknown) => {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw thrown;
  });
}

/** Bytes an archive has written, by its last slice: those before it are full, and may be away. */
export class Written {
  bytes = 0;

  constructor(
    private readonly baseName: string,
    private readonly sliceBytes: number,
  ) {}

  see(name: string, bytes: number): void {
    const number = name.startsWith(`${this.baseName}.`) ? /^([1-9]\d*)\.dar$/.exec(name.slice(this.baseName.length + 1))?.[1] : undefined;
    if (number !== undefined) this.bytes = Math.max(this.bytes, (Number(number) - 1) * this.sliceBytes + bytes);
  }
}
