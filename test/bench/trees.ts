import { createCipheriv } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

/** The same bytes in every run, and nothing a compressor or a sparse-file detector could save on. */
class Noise {
  readonly #cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));

  next(bytes: number): Buffer {
    return this.#cipher.update(Buffer.alloc(bytes));
  }
}

const MIB = 1024 * 1024;

export interface SmallTree {
  readonly directories: number;
  readonly filesPerDirectory: number;
  /** Sizes are spread evenly from 0 to this. */
  readonly maxFileBytes: number;
}

/** `d0000/f000` ... below `root`, which is made. Gives way to the event loop after every directory, so that Ctrl-C works. */
export async function makeSmallTree(root: string, tree: SmallTree): Promise<void> {
  mkdirSync(root, { recursive: true });
  const noise = new Noise().next(MIB);
  for (let d = 0; d < tree.directories; d++) {
    const dir = join(root, `d${String(d).padStart(5, '0')}`);
    mkdirSync(dir);
    makeSmallFiles(dir, tree, noise, d);
    await turn();
  }
}

/** Files of one directory; `seed` moves the sizes on, so that directories differ. */
function makeSmallFiles(dir: string, tree: SmallTree, noise: Buffer, seed: number): void {
  for (let f = 0; f < tree.filesPerDirectory; f++) {
    const n = seed * tree.filesPerDirectory + f;
    // 7919 is prime to every range used here: all sizes occur, neighbours differ.
    const size = (n * 7919) % (tree.maxFileBytes + 1);
    const at = (n * 104_729) % (noise.length - size);
    writeFileSync(join(dir, `f${String(f).padStart(5, '0')}`), noise.subarray(at, at + size));
  }
}

/** `b0000/f00000` ...: `count` directories directly below `root` with files directly in them. */
export async function makeBasepaths(root: string, count: number, tree: Omit<SmallTree, 'directories'>): Promise<string[]> {
  mkdirSync(root, { recursive: true });
  const noise = new Noise().next(MIB);
  const names = Array.from({ length: count }, (_, i) => `b${String(i).padStart(4, '0')}`);
  for (const [i, name] of names.entries()) {
    mkdirSync(join(root, name));
    makeSmallFiles(join(root, name), { ...tree, directories: 1 }, noise, i);
    if (i % 50 === 0) await turn();
  }
  return names;
}

/** `files` files of random bytes, `perDirectory` in each directory. */
export async function makeBigFiles(root: string, files: number, fileBytes: number, perDirectory: number): Promise<void> {
  const noise = new Noise();
  for (let f = 0; f < files; f++) {
    const dir = join(root, `d${Math.floor(f / perDirectory)}`);
    mkdirSync(dir, { recursive: true });
    await writeNoise(join(dir, `f${String(f).padStart(3, '0')}.bin`), fileBytes, noise);
  }
}

async function writeNoise(file: string, bytes: number, noise: Noise): Promise<void> {
  const fd = openSync(file, 'wx');
  try {
    for (let left = bytes; left > 0; left -= Math.min(left, MIB)) {
      writeSync(fd, noise.next(Math.min(left, MIB)));
      if (left % (16 * MIB) < MIB) await turn();
    }
  } finally {
    closeSync(fd);
  }
}
