import { killTest, SITE, TASKS } from './kill-test.js';
import { doTasks, nothingLeft, type Far } from './tasks.js';
import { globusService } from './tasks-site.js';

const globus = globusService();
const far: { made?: Far } = {};

killTest({
  state: 'every edge of tasks',
  name: 'a worker dies at every edge of transfer tasks of an asynchronous LTS: each is one task at the service, all is brought once',
  site: { ...SITE, settings: { ...SITE.settings, dar: { sliceSize: '128KiB' } }, prepare: globus.prepare },
  part: TASKS,
  work: (made, rounds, repeat) => {
    far.made = { service: globus.service(), lost: [] };
    return doTasks(made, rounds, repeat, far.made);
  },
  withJobs: false,
  whenAsked: true,
  after: async (made) => {
    if (far.made === undefined) throw new Error('no work was done');
    await nothingLeft(made, far.made);
  },
});
