import { expect, it } from 'vitest';
import { carryOut } from '../../../producer/cli/doctor/carry-out.js';
import { clockChecks, hostChecks, ltsChecks, openRedis } from '../../../producer/cli/doctor/checks.js';
import { Presence } from '../../../shared/hosts/presence.js';
import { testSite } from '../../helpers/site.js';
import { until } from '../bad-input/until.js';

it('a site at work is well: its Redis, workers, clocks, directories, and the way to its storage and back', async () => {
  const site = await testSite({ topdir: { sentinel: '.mounted' } });
  const redis = await openRedis(site.config);
  if (redis === null) return expect.unreachable();
  try {
    const presence = new Presence(redis);
    await until('the worker of the site is heard', async () => ((await presence.heard()).processes.some(({ process }) => process.host === 'here') ? true : null));
    await presence.beat({ incarnation: 'X', host: 'there', pid: 1, startedAt: '1', bootId: 'b', pidNamespace: 'n', lockers: [] });
    const checks = [...hostChecks(site.config, {}, Promise.resolve(redis)), ...ltsChecks(site.config, site.worker.context.backends), ...(await clockChecks(site.config, redis))];
    const results = await Promise.all(checks.map((check) => carryOut(check)));
    expect(results.filter(({ state }) => state === 'fail')).toMatchObject([{ area: 'topdir', message: 'its sentinel .mounted is not there: it counts as not mounted' }]);
    expect(results.find(({ area }) => area === 'hosts')?.message).toBe('heard: here, there');
    expect(results.find(({ area }) => area === 'redis')?.message).toMatch(/^version \S+, AOF, noeviction, answers within \S+ ms$|answers take/);
    expect(results.filter(({ area }) => area === 'clock').map(({ subject, state }) => `${subject} ${state}`)).toEqual(['here ok', 'there ok']);
  } finally {
    redis.disconnect();
  }
});
