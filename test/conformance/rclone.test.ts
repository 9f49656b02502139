import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { RCLONE_IS_HERE, rcloneBox, rcloneLts } from '../helpers/rclone-remote.js';
import { needs } from '../helpers/needs.js';
import { describeBackend } from './backend-suite.js';
import { allFiles, flipBit } from './stored-files.js';

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
