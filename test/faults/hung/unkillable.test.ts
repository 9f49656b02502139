import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { findStrays } from '../../../shared/process/index.js';
import type * as Script from '../../../shared/process/guardian-script.js';
import { sweepStaging } from '../../../worker/start-context.js';
import { until } from '../../integration/bad-input/until.js';
import { faultTest } from '../frame/fault-test.js';
import { isAlive } from '../worker-process.js';
import { attemptsOf, dataStarts, hungSite, startWorkers, stopInTheMiddle, untilHung, writeSlowBasepath } from './hung-site.js';

// No signal of ours reaches a dar: so it is with one that waits in the kernel (state D), which no test can make without a filesystem of its own.
vi.mock('../../../shared/process/guardian-script.js', async (original) => {
  const { GUARDIAN_SCRIPT } = await original<typeof Script>();
  const deaf = GUARDIAN_SCRIPT.replaceAll(/kill -(\w+) "\$child"/g, `case "$program" in */dar\\ *) ;; *) kill -$1 "$child" ;; esac`);
  return { GUARDIAN_SCRIPT: `program="$*"\n${deaf}` };
});

describe('a dar that nobody can end', () => {
  const name = 'gives its slot up; its staging stays and counts until it is gone, and another host does the work';
  faultTest({ fault: 'dar cannot be killed', state: 'dar running', name, site: hungSite('1s', {}, { compression: 'bzip2:9' }) }, async (site) => {
    await writeSlowBasepath(site);
    const workers = await startWorkers(site);
    const { jobs, dar } = await stopInTheMiddle(site, workers);
    const { aside } = await untilHung(site, 1);
    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    expect(await attemptsOf(site)).toBe(0);
    expect(dataStarts((await site.manifests())[0])).toEqual([expect.stringMatching(/-t2-/)]);

    const { context } = workers.find((worker) => worker.context.config.host === aside[0]) ?? site.worker;
    const { staging, config } = context;
    expect((await findStrays(config.staging.dir)).map(({ pid, state }) => [pid, state])).toEqual([[dar, 'T']]);
    await sweepStaging(context);
    const [backup = ''] = await staging.backups();
    const [start = ''] = await readdir(staging.backupDir(backup));
    expect(await readdir(join(staging.backupDir(backup), start))).toContainEqual(expect.stringMatching(/\.\d+\.dar$/));
    expect((await staging.account.state()).usedBytes).toBeGreaterThan(0);

    process.kill(dar, 'SIGKILL');
    await until('it is gone', async () => ((await isAlive(dar)) ? null : true));
    await until('nobody works there', async () => ((await findStrays(config.staging.dir)).length === 0 ? true : null));
    await sweepStaging(context);
    expect(await staging.backups()).toEqual([]);
    return { sealed: { alice: 1 } };
  });
});
