import { randomBytes } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { LocalWorker } from '../../../bin/start-local.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { readStanding } from '../../../shared/hosts/read-standing.js';
import { resolveProgram } from '../../../shared/process/index.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import type { SiteOptions, TestSite } from '../../helpers/site.js';
import { until } from '../../integration/bad-input/until.js';
import { stopDarAt } from '../../integration/segments/stopped-dar.js';
import { untilDarRuns } from '../worker-process.js';

const MB = 1_000_000;

/** More than what is saved in one go (a small archive), and a hole, of which dar reads some 2 GB a second. */
export async function writeBasepath(site: TestSite, holeBytes: number, name = 'alice'): Promise<void> {
  const root = join(site.topdir, name);
  await mkdir(root);
  for (const each of ['a', 'b']) await writeFile(join(root, each), Buffer.alloc(3 * MB, each));
  const file = await open(join(root, 'hole'), 'w');
  await file.truncate(holeBytes);
  await file.close();
}

/** Slices are small, so that what dar has saved when it hangs is several of them. */
export function hungSite(inactivityTimeout: string, settings: SiteOptions['settings'] = {}, dar: object = {}): SiteOptions {
  return { noWorker: true, settings: { dar: { sliceSize: '1MiB', inactivityTimeout, ...dar }, ...settings } };
}

/** A dar that, while `marker` is there, does `how` (shell text) where it is to save data. */
export async function hangingDar(how: string, marker: string): Promise<void> {
  const dar = resolveProgram('dar');
  const isData = 'case "$*" in *skeleton*) false ;; "-c "*) true ;; *) false ;; esac';
  await fakeProgram('dar', `if [ -e '${marker}' ] && ${isData}; then ${how}; fi\nexec '${dar}' "$@"`);
}

export function startWorkers(site: TestSite): Promise<LocalWorker[]> {
  return Promise.all([site.addWorker('first'), site.addWorker('second')]);
}

/** Files for a few slices that nothing makes smaller, and a dar slow enough to be stopped in one of them. */
export async function writeSlowBasepath(site: TestSite, name = 'alice'): Promise<void> {
  const root = join(site.topdir, name);
  await mkdir(root);
  for (const each of 'abcdefghi') await writeFile(join(root, each), randomBytes(500_000));
}

/** Backs up; the dar stands still in the middle, as one whose mount does not answer. */
export async function stopInTheMiddle(site: TestSite, workers: readonly LocalWorker[]): Promise<{ jobs: string[]; dar: number }> {
  const stopped = await stopDarAt(site.dir, { slice: 3, sliceBytes: 1024 * 1024, bytes: 200_000 });
  const jobs = await enqueue(site);
  const dar = await Promise.any(workers.map(({ context }) => untilDarRuns(context.config.staging.dir)));
  await stopped.stands();
  onTestFinished(() => {
    try {
      process.kill(dar, 'SIGKILL');
    } catch {
      // as it should be
    }
  });
  return { jobs, dar };
}

/** Enqueues what is due; the ids of the jobs. */
export async function enqueue(site: TestSite): Promise<string[]> {
  const reports = await site.producer.tick();
  return reports.flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId));
}

export async function untilHung(site: TestSite, hangs: number): Promise<Awaited<ReturnType<typeof readStanding>>> {
  return until(`${hangs} hangs are on record`, async () => {
    const standing = await readStanding(site.worker.context.queues);
    const found = standing.hangs.reduce((sum, { count }) => sum + count, 0) + standing.parked.length;
    return found >= hangs ? standing : null;
  }, 120_000);
}

/** Names of the starts whose archives of data a manifest names. */
export function dataStarts(manifest: Manifest | undefined): string[] {
  return [...new Set((manifest?.archives ?? []).filter(({ kind }) => kind === 'data').map(({ name }) => name.split('.')[2] ?? ''))];
}

/** No attempt of any job was spent. */
export async function attemptsOf(site: TestSite): Promise<number> {
  const jobs = await site.worker.context.queues.backup.getJobs(['completed', 'failed', 'delayed', 'active', 'waiting-children']);
  return Math.max(0, ...jobs.map(({ attemptsMade, finishedOn }) => attemptsMade - (finishedOn === undefined ? 0 : 1)));
}
