import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Told of every file, with its directory. */
export type Visit = (dir: string, name: string, bytes: number) => void;

/**
 * Bytes of all files below a directory of ours, by a walk: what really lies there is what is used, whoever was killed when. Links count
 * as themselves: they lead to long-term storage. `skip`: names directly in `dir` that are passed over.
 */
export async function diskUse(dir: string, visit: Visit = () => undefined, skip: ReadonlySet<string> = new Set()): Promise<number> {
  let bytes = 0;
  for (const entry of await entriesOf(dir)) {
    if (skip.has(entry.name)) continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      bytes += await diskUse(path, visit);
      continue;
    }
    const info = await lstat(path).catch(() => null); // released while we look
    if (info === null) continue;
    bytes += info.size;
    visit(dir, entry.name, info.size);
  }
  return bytes;
}

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
