import { randomBytes } from 'node:crypto';
import { link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Directories of files of 100 kB, each directory with one more name of one inode, so that an interruption parts its names. */
export async function makeTree(root: string, { dirs, files }: { readonly dirs: number; readonly files: number }): Promise<void> {
  await mkdir(root, { recursive: true });
  await writeFile(join(root, 'note'), String(dirs));
  for (let dir = 0; dir < dirs; dir++) {
    await mkdir(join(root, `dir-${dir}`));
    for (let i = 0; i < files; i++) await writeFile(join(root, `dir-${dir}`, `file-${i}`), randomBytes(100_000));
    if (dir === 0) await writeFile(join(root, 'dir-0/shared'), randomBytes(5_000));
    else await link(join(root, 'dir-0/shared'), join(root, `dir-${dir}/shared`));
  }
}
