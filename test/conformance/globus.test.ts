import { open, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { globusLts } from '../helpers/globus-lts.js';
import { describeBackend } from './backend-suite.js';

describeBackend('globus (simulated service)', async (root) => {
  const { backend, dir } = await globusLts(root);
  return {
    backend,
    damage: (object) => flipBit(join(dir, object)),
    truncate: (object) => truncate(join(dir, object), 10),
    everything: () => allFiles(dir),
  };
});

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
