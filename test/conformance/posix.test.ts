import { open, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createLimiter } from '../../shared/transfer/bandwidth.js';
import { createPosixBackend } from '../../shared/transfer/posix/posix-backend.js';
import { describeBackend } from './backend-suite.js';

describeBackend('posix', (dir) => {
  const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
  return Promise.resolve({
    backend: createPosixBackend({ name: 'disk', dir, bandwidth }),
    damage: (object) => flipBit(join(dir, object)),
    truncate: (object) => truncate(join(dir, object), 10),
    everything: () => allFiles(dir),
  });
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
