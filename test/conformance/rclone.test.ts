import { mkdir, open, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLimiter } from '../../shared/transfer/bandwidth.js';
import { createRcloneBackend } from '../../shared/transfer/rclone/rclone-backend.js';
import { describeBackend } from './backend-suite.js';

describeBackend('rclone', async (dir) => {
  await mkdir(join(dir, 'lts'));
  await writeFile(join(dir, 'rclone.conf'), `[box]\ntype = alias\nremote = ${dir}\n`, { mode: 0o600 });
  const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
  return {
    backend: createRcloneBackend({ name: 'disk', remote: 'box', dir: '/lts', configFile: join(dir, 'rclone.conf'), tape: false, bandwidth }),
    damage: (object) => flipBit(join(dir, 'lts', object)),
    truncate: (object) => truncate(join(dir, 'lts', object), 10),
    everything: () => allFiles(join(dir, 'lts')),
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
