import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { globusLts } from '../helpers/globus-lts.js';
import { describeBackend } from './backend-suite.js';
import { allFiles, flipBit } from './stored-files.js';

describeBackend('globus (simulated service)', async (root) => {
  const { backend, dir } = await globusLts(root);
  return {
    backend,
    damage: (object) => flipBit(join(dir, object)),
    truncate: (object) => truncate(join(dir, object), 10),
    everything: () => allFiles(dir),
  };
});
