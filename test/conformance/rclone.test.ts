import { open, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { RCLONE_IS_HERE, rcloneBox, rcloneLts } from '../helpers/rclone-remote.js';
import { needs } from '../helpers/needs.js';
import { describeBackend } from './backend-suite.js';

if (RCLONE_IS_HERE) {
  describeBackend('rclone', async (dir) => ({
    backend: rcloneLts(await rcloneBox(dir)),
    damage: (object) => flipBit(join(dir, 'lts', object)),
    truncate: (object) => truncate(join(dir, 'lts', object), 10),
    everything: () => allFiles(join(dir, 'lts')),
  }));
} else {
  describe('backend contract: rclone', () => {
    it('is kept', (context) => { needs(context, RCLONE_IS_HERE, 'rclone'); });
  });
}

async function flipBit(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, 1234);
  buffer[0] = (buffer[0] ?? 0) ^ 1;
  await handle.write(buffer, 0, 1, 1234);
  await handle.close();
}

async function allFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1)).sort();
}
