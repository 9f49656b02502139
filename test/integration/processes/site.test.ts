import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { backupsOutput, statusOutput } from '../../../producer/cli/outputs.js';
import { until } from '../bad-input/until.js';
import { runCli, untilNothingRunsIn } from '../cli/cli-process.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { holdDars } from '../../faults/held-dars.js';
import { secretsStayInTheirFiles } from './secrets.js';
import { processSite, startProducer, startWorker, type Daemon, type ProcessSite } from './process-site.js';

const product = compiledProduct();
/** Nothing a daemon does when it is asked to end takes longer, even on a busy machine. */
const END_MS = 10_000;

async function sealedPaths(site: ProcessSite): Promise<unknown[]> {
  const { stdout } = await runCli(product, ['backups', '--json'], { config: site.configFile });
  return backupsOutput.parse(JSON.parse(stdout)).backups.map(({ path }) => path);
}

async function get(daemon: Daemon, path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  const answer = await fetch(`${daemon.url}${path}`, { headers });
  return { status: answer.status, body: await answer.text() };
}

async function endsWith(daemon: Daemon, code: number): Promise<void> {
  const asked = performance.now();
  daemon.child.kill('SIGTERM');
  expect(await daemon.end).toMatchObject({ code, signal: null });
  expect(performance.now() - asked).toBeLessThan(END_MS);
}

describe('a producer and two workers as processes', () => {
  it('keep every secret in its file', () => secretsStayInTheirFiles(product));

  it('save what is there and what appears, answer over HTTP, and end cleanly', async () => {
    const site = await processSite({ shards: { maxFiles: 1 }, worker: { slots: 2 } });
    const dars = await holdDars(site);
    await site.write(Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`alice/d${i}/file`, `content ${i}`])));
    const [producer, here, there] = await Promise.all([startProducer(product, site), startWorker(product, site, 'here'), startWorker(product, site, 'there')]);
    // With fewer slots than shards: neither makes all of them because the other is ready later.
    await until('both have begun a shard', async () => (new Set((await dars.started()).map((line) => line.includes('/staging-here/'))).size === 2 ? true : null));
    await dars.go();
    await until('alice is sealed', async () => ((await sealedPaths(site)).includes(site.at('top/alice')) ? true : null));
    await site.write({ 'bob/file': 'new' });
    await until('bob is sealed', async () => ((await sealedPaths(site)).includes(site.at('top/bob')) ? true : null));

    for (const [daemon, component] of [[producer, 'producer'], [here, 'worker'], [there, 'worker']] as const) {
      expect(await get(daemon, '/healthz')).toMatchObject({ status: 200, body: expect.stringContaining('"ok":true') as string });
      expect(await get(daemon, '/readyz')).toMatchObject({ status: 200, body: expect.stringContaining('"redis":{"ok":true') as string });
      const metrics = await get(daemon, '/metrics');
      expect(metrics.status).toBe(200);
      expect(metrics.body).toContain(`component="${component}"`);
    }
    expect((await get(producer, '/queues')).status).toBe(401);
    const token = (await readFile(site.at('state/http.token'), 'utf8')).trim();
    expect(await get(producer, '/queues', { authorization: `Bearer ${token}` })).toMatchObject({ status: 200, body: expect.stringContaining('<html') as string });
    expect((await get(here, '/queues')).status).toBe(404);

    const waited = await runCli(product, ['backup', site.at('top/bob'), '--wait', '--json'], { config: site.configFile });
    expect(waited).toMatchObject({ code: 0, stderr: '' });
    const { queues, basepaths } = statusOutput.parse(JSON.parse((await runCli(product, ['status', '--json'], { config: site.configFile })).stdout));
    expect(basepaths.map(({ state }) => state)).toEqual(['ok', 'ok']);
    expect(queues?.['backup']).toMatchObject({ active: 0, failed: 0 });
    for (const daemon of [producer, here, there]) await endsWith(daemon, 0);
    await untilNothingRunsIn(site.dir);
    expect([here, there].map((worker) => worker.stderr().includes('"msg":"shard saved"'))).toEqual([true, true]);
  });

  it('end within seconds also while Redis is away, saying that nothing could be handed back', async () => {
    const site = await processSite();
    await site.write({ 'alice/file': 'x' });
    const [producer, worker] = await Promise.all([startProducer(product, site), startWorker(product, site, 'here')]);
    await until('alice is sealed', async () => ((await sealedPaths(site)).length > 0 ? true : null));
    site.redis.child.kill();
    await site.redis.child.exited;
    expect((await get(worker, '/healthz')).status).toBe(200); // a restart would not mend it
    expect((await get(worker, '/readyz')).status).toBe(503);
    expect((await get(producer, '/readyz')).status).toBe(503);
    for (const daemon of [producer, worker]) daemon.child.kill('SIGTERM');
    const ends = await Promise.all([producer.end, worker.end]);
    for (const end of ends) {
      expect(end.signal).toBeNull();
      if (end.code !== 0) expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('ending without handing work back') as string });
    }
    await untilNothingRunsIn(site.dir);
  });
});
