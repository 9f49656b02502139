import { join } from 'node:path';
import { bundlingLts, doBundling } from './bundling.js';
import { BUNDLING, killTest, SITE } from './kill-test.js';

killTest({
  state: 'every edge of bundling',
  name: 'a worker dies at every edge of bundling, of snapshots and of their sweep: all work is done, once',
  site: { ...SITE, prepare: (dir) => Promise.resolve({ lts: [bundlingLts(join(dir, 'lts'))] }) },
  part: BUNDLING,
  work: doBundling,
  withJobs: true,
  whenAsked: true,
});
