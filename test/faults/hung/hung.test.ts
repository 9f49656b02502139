import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { SuspicionStore } from '../../../shared/hosts/suspicion.js';
import { lastError } from '../../../shared/dead-letters/last-error.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { until } from '../../integration/bad-input/until.js';
import { faultTest } from '../frame/fault-test.js';
import { holdDar } from '../held-dar.js';
import { attemptsOf, dataStarts, enqueue, hangingDar, hungSite, startWorkers, stopInTheMiddle, untilHung, writeBasepath, writeSlowBasepath } from './hung-site.js';

const GB = 1_000_000_000;
const SLOW = { compression: 'bzip2:9' };

describe('a dar that hangs', () => {
  const stopped = 'its host is set aside, what it saved is kept, another host goes on, and the host is cleared';
  faultTest({ fault: 'SIGSTOP of dar', state: 'dar running', name: stopped, site: hungSite('2s', {}, SLOW) }, async (site) => {
    await writeSlowBasepath(site);
    const { jobs } = await stopInTheMiddle(site, await startWorkers(site));
    const { hangs, aside, incidents, parked } = await untilHung(site, 1);
    const host = hangs[0]?.host ?? '';
    expect({ hangs, aside, incidents, parked }).toMatchObject({ hangs: [{ topdir: site.topdir, count: 1, answered: true }], aside: [host], incidents: [], parked: [] });
    const [run] = await site.worker.context.runs.running();
    expect(await until('how it ended is on record', () => lastError(site.worker.context.queues.redis, run?.id ?? ''))).toMatchObject({ code: 'DAR_HUNG', host });

    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    expect(await attemptsOf(site)).toBe(0);
    const [manifest] = await site.manifests();
    expect(dataStarts(manifest)).toEqual([expect.stringMatching(/-t1-/), expect.stringMatching(/-t2-/)]);
    expect([...new Set(manifest?.archives.map((archive) => archive.dar.host))].sort()).toEqual(['first', 'second']);
    await until('the host is cleared', async () => ((await new SuspicionStore(site.worker.context.queues.redis).read()).hangs.length === 0 ? true : null));
    return { sealed: { alice: 1 } };
  });

  const stubborn = 'it is asked twice, killed, and the shard is made again elsewhere';
  faultTest({ fault: 'dar ignores SIGTERM', state: 'dar running', name: stubborn, site: hungSite('2s') }, async (site) => {
    const marker = join(site.dir, 'hang');
    await writeFile(marker, '');
    await hangingDar(`/bin/rm '${marker}'; trap '' TERM; exec /bin/sleep 1000`, marker);
    await writeBasepath(site, 0);
    await startWorkers(site);
    const jobs = await enqueue(site);
    expect((await untilHung(site, 1)).hangs).toHaveLength(1);
    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    expect(await attemptsOf(site)).toBe(0);
    expect(dataStarts((await site.manifests())[0])).toEqual([expect.stringMatching(/-t2-/)]);
    return { sealed: { alice: 1 } };
  });

  const everywhere = 'on both hosts parks the basepath and clears them; others are saved, and it is when it is unparked';
  faultTest({ fault: 'dar hangs wherever it reads', state: 'dar running', name: everywhere, site: hungSite('2s', { worker: { slots: 1 } }) }, async (site) => {
    const marker = join(site.dir, 'hang');
    await writeFile(marker, '');
    // A small one too: it is saved without a guardian.
    await hangingDar('case "$*" in */alice*) exec /bin/sleep 1000 ;; esac', marker);
    await writeBasepath(site, 0, 'bob');
    await writeFile(join(site.topdir, 'bob', 'c'), 'c');
    const { redis } = site.worker.context.queues;
    await startWorkers(site);
    const bob = await enqueue(site);
    await writeBasepath(site, 0, 'alice');
    await rm(join(site.topdir, 'alice', 'b'));
    const alice = (await enqueue(site)).filter((id) => !bob.includes(id));
    const parked = await until('it is parked', async () => {
      const found = await new SuspicionStore(redis).read();
      return found.parked.length > 0 ? found : null;
    }, 120_000);
    expect(parked).toMatchObject({ hangs: [], parked: [{ topdir: site.topdir, hosts: ['first', 'second'] }] });
    expect(await site.waitFor(bob)).toMatchObject([{ state: 'completed' }]);
    await until('its shard is parked', async () => ((await redis.zcard(`{bw}:parked:hung:${site.topdir}`)) === 1 ? true : null));
    await rm(marker);
    expect(await new SuspicionStore(redis).unpark(parked.parked[0]?.basepathId ?? '')).toBe(true);
    expect(await site.waitFor(alice)).toMatchObject([{ state: 'completed', reason: null }]);
    expect(await attemptsOf(site)).toBe(0);
    return { sealed: { alice: 1, bob: 1 } };
  });
});

describe('a scan that hangs', () => {
  faultTest({ fault: 'find hangs', state: 'planning', name: 'is ended, and another host scans', site: hungSite('1s') }, async (site) => {
    const marker = join(site.dir, 'hang');
    await writeFile(marker, '');
    await writeBasepath(site, 0);
    // The one find for all is given up by itself where it is slow; of the several that come then, one hangs.
    const hang = `-e '${marker}' ]; then case "$*" in *'-maxdepth 2048'*) ;; *) rm '${marker}'; trap '' TERM ;; esac; exec sleep 100; fi`;
    await fakeProgram('find', `case "$*" in *-noleaf*) if [ ${hang} ;; esac\nexec /usr/bin/find "$@"`);
    await startWorkers(site);
    const jobs = await enqueue(site);
    const { aside, hangs } = await untilHung(site, 1);
    expect([aside, hangs.map(({ host }) => host)]).toEqual([[hangs[0]?.host], [hangs[0]?.host]]);
    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    expect(await attemptsOf(site)).toBe(0);
    return { sealed: { alice: 1 } };
  });
});

describe('no hang is', () => {
  faultTest({ fault: 'none', state: 'dar reads a hole', name: 'a hole that takes longer to read than the timeout', site: hungSite('1s') }, async (site) => {
    await writeBasepath(site, 3 * GB);
    const worker = await site.addWorker('here');
    const jobs = await enqueue(site);
    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    expect(await worker.metrics.render()).not.toMatch(/^bw_hangs_total\{/m);
    const [manifest] = await site.manifests();
    expect(Math.max(...(manifest?.archives ?? []).map(({ dar }) => dar.wallMs))).toBeGreaterThan(1_000);
    expect(dataStarts(manifest)).toEqual([expect.stringMatching(/-t1-/)]);
    return { sealed: { alice: 1 }, content: 'none' };
  });

  const held = 'a dar that waits for room in staging';
  faultTest({ fault: 'staging full', state: 'dar stopped for longer than the timeout', name: held, site: { ...hungSite('1s', { shards: { maxFiles: 100 } }), prepare: (dir) => Promise.resolve({ staging: { dir: join(dir, 'staging'), budget: 2_800_000 } }) } }, async (site) => {
    await writeBasepath(site, 0);
    const heldDar = await holdDar(site.dir, 5); // behind the budget
    const { queues } = site.worker.context;
    await queues.transfer('second').pause();
    const worker = await site.addWorker('second');
    const jobs = await enqueue(site);
    await until('dar waited for longer than the timeout', async () => ((await worker.context.staging.account.state()).pausedMs > 2_500 ? true : null));
    await heldDar.release();
    await queues.transfer('second').resume();
    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    expect(await worker.metrics.render()).not.toMatch(/^bw_hangs_total\{/m);
    expect(dataStarts((await site.manifests())[0])).toEqual([expect.stringMatching(/-t1-/)]);
    return { sealed: { alice: 1 } };
  });
});
