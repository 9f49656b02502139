import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { resolveProgram } from '../../../shared/process/launch.js';
import { FAST_RETRIES, testSite, type TestSite } from '../../helpers/site.js';
import { until } from '../bad-input/until.js';
import { compiledProduct } from './compiled-product.js';
import { startWorkerProcess } from './worker-process.js';

const product = compiledProduct();
const SHARDS = 30;
const SMALL = 6;
const HOSTS = ['one', 'two'];

it('two worker processes share the 30 shards of one basepath with all their slots, and small basepaths that come later do not wait for them', async () => {
  const site = await testSite({ noWorker: true, settings: { shards: { maxFiles: 5 }, worker: { slots: 2 } } });
  for (let dir = 0; dir < SHARDS; dir++) await writeFiles(join(site.topdir, 'giant', `dir-${dir}`), 4);
  const dars = await holdDars(site);
  const workers = await Promise.all(HOSTS.map((host) => startWorkerProcess(product, site, host, FAST_RETRIES)));
  const giant = await enqueued(site);
  const hostsOf = async (): Promise<string[]> => (await dars.started()).map((line) => HOSTS.find((host) => line.includes(`/staging-${host}/`)) ?? line).sort();
  await until('every slot of both makes a shard', async () => ((await hostsOf()).length >= 4 ? true : null));
  expect(await hostsOf()).toEqual(['one', 'one', 'two', 'two']);

  for (let i = 0; i < SMALL; i++) await writeFiles(join(site.topdir, `small-${i}`), 3);
  const small = await enqueued(site);
  expect(small).toHaveLength(SMALL);
  await dars.go();
  expect((await site.waitFor([...giant, ...small])).map(({ state }) => state)).toEqual(Array(1 + SMALL).fill('completed'));

  const manifests = await site.manifests();
  const big = manifests.find(({ basepathId }) => basepathId.startsWith('giant'));
  expect(big?.archives.filter(({ kind }) => kind === 'data')).toHaveLength(SHARDS);
  expect(new Set(big?.archives.map(({ dar }) => dar.host))).toEqual(new Set(HOSTS));
  expect(manifests.map(({ outcome, counts }) => [outcome, counts.exceptions])).toEqual(Array(1 + SMALL).fill(['clean', 0]));
  // 4 shards ran already, 4 more may have begun while the small ones were planned; then they take turns.
  const order = await dars.started();
  const lastSmall = order.findLastIndex((line) => line.includes('small-'));
  expect(order.slice(0, lastSmall).filter((line) => line.includes('giant')).length).toBeLessThan(SHARDS / 2);
  await Promise.all(workers.map((worker) => worker.close()));
});

async function writeFiles(dir: string, count: number): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (let i = 0; i < count; i++) await writeFile(join(dir, `file-${i}`), `content ${i}`);
}

async function enqueued({ producer }: TestSite): Promise<string[]> {
  return (await producer.tick()).flatMap((report) => report.enqueued.map(({ jobId }) => jobId));
}

/** A dar that writes down what data it is to archive, and waits until all may go. */
async function holdDars({ dir }: TestSite): Promise<{ started: () => Promise<string[]>; go: () => Promise<void> }> {
  const bin = join(dir, 'held-bin');
  const [log, gate] = [join(dir, 'started'), join(dir, 'go')];
  await mkdir(bin);
  const path = process.env['PATH'] ?? '';
  const script = `#!/bin/sh
case " $* " in
  *skeleton*) ;;
  *" -c "*) echo "$*" >> '${log}'; PATH='${path}'; until [ -e '${gate}' ]; do sleep 0.02; done ;;
esac
exec ${resolveProgram('dar')} "$@"
`;
  await writeFile(join(bin, 'dar'), script, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${path}`);
  onTestFinished(() => { vi.unstubAllEnvs(); });
  return {
    started: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    go: () => writeFile(gate, ''),
  };
}
