import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { resolveProgram } from '../../../shared/process/launch.js';
import { sampleOf } from '../../unit/shared/metrics/samples.js';
import { testSite } from '../../helpers/site.js';
import { until } from '../bad-input/until.js';

it('dar stands still while a stat of what it reads takes long, goes on when it is well, and the backup is clean', async () => {
  const site = await testSite({ topdir: { politeness: { statLatency: '80ms' } } });
  await mkdir(join(site.topdir, 'alice'));
  await writeFile(join(site.topdir, 'alice', 'file'), Buffer.alloc(5 * 1024 * 1024)); // less is saved in one go, within a tenth of a second
  const at = (name: string): string => join(site.dir, name);
  const path = process.env['PATH'] ?? '';
  await mkdir(at('bin'));
  // A dar that says who it is and waits, and a stat that is slow until told otherwise.
  await writeFile(at('bin/dar'), `#!/bin/sh
case " $* " in
  *skeleton*) ;;
  *" -c "*) echo $$ > '${at('pid')}'; PATH='${path}'; until [ -e '${at('go')}' ]; do sleep 0.02; done ;;
esac
exec ${resolveProgram('dar')} "$@"
`, { mode: 0o755 });
  await writeFile(at('bin/stat'), `#!/bin/sh\n[ -e '${at('well')}' ] || sleep 0.2\nexec ${resolveProgram('stat')} "$@"\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${at('bin')}:${path}`);
  onTestFinished(() => { vi.unstubAllEnvs(); });

  const jobs = (await site.producer.tick()).flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId));
  const pid = await until('dar runs', () => readFile(at('pid'), 'utf8').then((text) => (text.endsWith('\n') ? text.trim() : null), () => null));
  const state = async (): Promise<string | undefined> => / ([A-Z]) /.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))?.[1];
  const { sources } = site.worker.context;
  const probed = async (wanted: (state: string | undefined) => boolean): Promise<true | null> => {
    sources.tick();
    return wanted(await state()) ? true : null;
  };
  await until('dar is stopped', () => probed((each) => each === 'T'));
  await writeFile(at('well'), '');
  await until('dar goes on', () => probed((each) => each !== 'T'));
  await writeFile(at('go'), '');
  expect((await site.waitFor(jobs)).map((ended) => ended.state)).toEqual(['completed']);
  expect((await site.manifests()).map(({ outcome }) => outcome)).toEqual(['clean']);
  expect(sampleOf(await site.worker.metrics.render(), 'bw_source_throttled_seconds_total', { topdir: site.topdir })).toBeGreaterThan(0);
});
