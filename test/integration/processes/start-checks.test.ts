import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pathWith } from '../../faults/cli.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { runCli } from '../cli/cli-process.js';
import { processSite } from './process-site.js';

const product = compiledProduct();

it('a daemon that cannot work says why and ends; it starts nothing', async () => {
  const site = await processSite();
  const refused = async (command: string, code: number, error: RegExp, env: NodeJS.ProcessEnv = {}): Promise<void> => {
    const end = await runCli(product, [command], { config: site.configFile, env });
    expect(end, command).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(error) as string });
    expect(await site.redis.redis.dbsize()).toBe(0);
  };
  const tools = ['setpriv', 'sh', 'find', 'stat', 'sort', 'zstd', 'tar', 'xargs', 'env'];
  await refused('worker', 5, /DAR_MISSING: .*\n.*\n {2}-> /, { PATH: await pathWith(join(site.dir, 'bin'), tools) });

  await site.redis.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const evicts = /REDIS_EVICTS: .*allkeys-lru.*\[\S+redis\.sock\]\n {2}-> Set `maxmemory-policy noeviction`/;
  await refused('worker', 5, evicts);
  await refused('producer', 5, evicts);
  await site.redis.redis.config('SET', 'maxmemory-policy', 'noeviction');

  await rm(site.at('staging'), { recursive: true });
  await refused('worker', 2, /CONFIG_INVALID[^]*staging\.dir "\S+" does not exist\n {4}-> Mount its filesystem/);
  await writeFile(site.at('staging'), '');
  await refused('worker', 2, /CONFIG_INVALID[^]*staging\.dir "\S+" is not a directory/);

  site.redis.child.kill();
  await site.redis.child.exited;
  await rm(site.at('staging'));
  await mkdir(site.at('staging'));
  for (const command of ['worker', 'producer']) {
    const end = await runCli(product, [command], { config: site.configFile });
    expect(end, command).toMatchObject({ code: 5, stdout: '', stderr: expect.stringMatching(/REDIS_UNREACHABLE: .*\[\S+redis\.sock\]\n {2}-> Start Redis/) as string });
  }
});
