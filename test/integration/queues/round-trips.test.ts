import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { drainCleanup } from '../../../bin/drain-cleanup.js';
import { TIMING } from '../../../shared/queues/options.js';
import { testSite } from '../../helpers/site.js';

const BASEPATHS = 15;
/** Measured 54 with all that follows, of which BullMQ takes 20 (add, take and end two jobs, one of them twice) and whoever watches them 6. */
const ROUND_TRIPS = 65;
/** How long is looked at what comes when nothing is done. */
const IDLE_MS = 5_000;

it(`a backup of a few files takes at most ${ROUND_TRIPS} round trips to Redis, and no job but its own two`, async () => {
  const site = await testSite({ timing: TIMING }); // what looks around regularly comes as seldom as in production
  for (let i = 0; i < BASEPATHS; i++) {
    await mkdir(join(site.topdir, `user${i}`));
    for (const name of ['a', 'b', 'c']) await writeFile(join(site.topdir, `user${i}`, name), name);
  }
  let roundTrips = 0;
  // What a script calls is no round trip of its own.
  const leave = await monitor(site.worker.context.queues.redis.options.path ?? '', (source) => { if (source !== 'lua') roundTrips += 1; });
  const during = async (work: () => Promise<unknown>): Promise<{ count: number; ms: number }> => {
    const [before, from] = [roundTrips, performance.now()];
    await work();
    return { count: roundTrips - before, ms: performance.now() - from };
  };
  const { queues } = site.worker.context;
  const busy = await during(async () => {
    expect(await site.backUp()).toHaveLength(BASEPATHS);
    await drainCleanup(queues, 'here');
  });
  const idle = await during(() => sleep(IDLE_MS));
  leave();
  // Without what comes anyway, nine a second: a slow machine is given more of it.
  const ofBackups = busy.count - (idle.count / idle.ms) * busy.ms;
  expect(ofBackups / BASEPATHS).toBeLessThanOrEqual(ROUND_TRIPS);
  const done = await Promise.all([queues.backup, queues.transfer('here'), queues.cleanup, queues.cleanupOf('here')].map((queue) => queue.getCompletedCount()));
  expect(done).toEqual([2 * BASEPATHS, 0, 0, 0]);
  expect(await site.manifests()).toHaveLength(BASEPATHS);
});

/** Tells of every command where it came from. Not that of ioredis, which takes what it is told in the same moment as the answer for an answer. */
async function monitor(path: string, onCommand: (source: string) => void): Promise<() => void> {
  const socket = connect(path);
  const lines = createInterface(socket);
  socket.write('MONITOR\r\n');
  const [answer] = (await once(lines, 'line')) as [string];
  expect(answer).toBe('+OK');
  lines.on('line', (line) => { onCommand(/^\+\d+\.\d+ \[\d+ (\S+)\]/.exec(line)?.[1] ?? 'nobody'); });
  return () => { socket.destroy(); };
}
