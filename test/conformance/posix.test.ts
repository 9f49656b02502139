import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createLimiter } from '../../shared/transfer/bandwidth.js';
import { createPosixBackend } from '../../shared/transfer/posix/posix-backend.js';
import { describeBackend } from './backend-suite.js';
import { allFiles, flipBit } from './stored-files.js';

describeBackend('posix', (dir) => {
  const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
  return Promise.resolve({
    backend: createPosixBackend({ name: 'disk', dir, bandwidth }),
    damage: (object) => flipBit(join(dir, object)),
    truncate: (object) => truncate(join(dir, object), 10),
    everything: () => allFiles(dir),
  });
});
