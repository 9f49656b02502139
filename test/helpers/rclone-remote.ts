import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasProgram } from '../../shared/process/index.js';
import { createLimiter } from '../../shared/transfer/bandwidth.js';
import { createRcloneBackend, type RcloneBackend, type RcloneOptions } from '../../shared/transfer/rclone/rclone-backend.js';

export const RCLONE_IS_HERE = hasProgram('rclone');

/** A remote `box:` that leads to `dir`, whose `/lts` is made; the settings a site needs for it. */
export async function rcloneBox(dir: string): Promise<{ remote: string; configFile: string }> {
  await mkdir(join(dir, 'lts'), { recursive: true, mode: 0o700 });
  const configFile = join(dir, 'rclone.conf');
  await writeFile(configFile, `[box]\ntype = alias\nremote = ${dir}\n`, { mode: 0o600 });
  return { remote: 'box', configFile };
}

/** The backend of such a remote, unlimited. */
export function rcloneLts(options: Pick<RcloneOptions, 'remote' | 'configFile'> & Partial<RcloneOptions>): RcloneBackend {
  return createRcloneBackend({ name: 'off', dir: '/lts', tape: false, bandwidth: { write: createLimiter(null), read: createLimiter(null) }, ...options });
}
