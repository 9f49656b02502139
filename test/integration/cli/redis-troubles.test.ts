import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { compiledProduct } from '../../faults/compiled-product.js';
import { startRedisServer, type RedisServer } from '../../helpers/redis-server.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { runCli } from './cli-process.js';

const product = compiledProduct();

interface Trouble {
  readonly name: string;
  readonly begins: (server: RedisServer) => unknown;
  readonly ends: (server: RedisServer) => unknown;
  readonly says: RegExp;
  /** What only reads goes on while Redis is full. */
  readonly readsToo: boolean;
}

const TROUBLES: readonly Trouble[] = [
  { name: 'full', begins: ({ redis }) => redis.config('SET', 'maxmemory', '1'), ends: ({ redis }) => redis.config('SET', 'maxmemory', '0'), says: /^REDIS_FULL: /m, readsToo: false },
  { name: 'with another password', begins: ({ redis }) => redis.config('SET', 'requirepass', 'secret'), ends: ({ redis }) => redis.config('SET', 'requirepass', ''), says: /^REDIS_REFUSED: /m, readsToo: true },
  { name: 'frozen', begins: (server) => { server.freeze(); }, ends: (server) => { server.thaw(); }, says: /^REDIS_UNREACHABLE: /m, readsToo: true },
  { name: 'dead', begins: (server) => server.kill(), ends: (server) => server.start(), says: /^REDIS_UNREACHABLE: /m, readsToo: true },
];

/** A command is there after less than a second; what it asks Redis fails within 3 s. (A worker that starts waits 10 s.) On a busy machine, which may stand still for seconds. */
const AT_MOST_MS = 30_000;
/** Commands that run at the same time. */
const AT_ONCE = 4;

/** Every command that cannot do without Redis. */
function commandsFor(backupId: string, basepath: string): { readonly writing: readonly string[][]; readonly reading: readonly string[][] } {
  const everything = process.env['BW_LONG_TESTS'] === '1';
  const writing = [
    ['backup', basepath],
    ...(everything ? [['limits', 'set', 'bandwidth', '1MiB/s'], ['drain', 'here'], ['consolidate', basepath], ['verify', basepath], ['catalog', 'rebuild']] : []),
  ];
  const reading = [
    ['limits', 'show'],
    ...(everything ? [['cancel', backupId], ['limits', 'unset', 'bandwidth'], ['resume', 'here'], ['preempt', backupId], ['dead', 'list'], ['producer'], ['worker']] : []),
  ];
  return { writing, reading };
}

async function siteOnServer(): Promise<{ site: TestSite; server: RedisServer; backupId: string }> {
  const servers: RedisServer[] = [];
  const site = await testSite({
    prepare: async (dir) => {
      await mkdir(join(dir, 'redis'));
      servers.push(await startRedisServer(join(dir, 'redis')));
      return { redis: { url: servers[0]?.url } };
    },
  });
  await mkdir(join(site.topdir, 'alice'));
  await writeFile(join(site.topdir, 'alice', 'letter'), 'dear bob');
  await site.backUp();
  const [server] = servers;
  const [manifest] = await site.manifests();
  if (server === undefined || manifest === undefined) throw new Error('no site');
  return { site, server, backupId: manifest.backupId };
}

describe('a command that needs Redis', () => {
  it('fails within seconds while Redis is dead, frozen, full or refuses us, and says which; status shows what it can', async () => {
    const { site, server, backupId } = await siteOnServer();
    const { writing, reading } = commandsFor(backupId, join(site.topdir, 'alice'));
    const odd: unknown[] = [];
    const run = async (args: readonly string[], trouble: Trouble): Promise<void> => {
      const since = performance.now();
      const { code, stderr } = await Promise.race([runCli(product, args, { config: site.configFile }), sleep(AT_MOST_MS * 2, { code: -1, stderr: 'it hangs' })]);
      const ms = Math.round(performance.now() - since);
      if (code !== 5 || !trouble.says.test(stderr) || ms > AT_MOST_MS) odd.push({ trouble: trouble.name, args: args.join(' '), code, ms, stderr });
    };
    for (const trouble of TROUBLES) {
      await trouble.begins(server);
      const commands = trouble.readsToo ? [...writing, ...reading] : writing;
      const asking = runCli(product, ['status', '--json'], { config: site.configFile });
      for (let at = 0; at < commands.length; at += AT_ONCE) await Promise.all(commands.slice(at, at + AT_ONCE).map((args) => run(args, trouble)));
      const status = await asking;
      if (status.code !== 0 || (trouble.readsToo && (JSON.parse(status.stdout) as { running: unknown }).running !== null)) odd.push({ trouble: trouble.name, status });
      await trouble.ends(server);
    }
    expect(odd).toEqual([]);
    expect(await runCli(product, ['limits', 'show'], { config: site.configFile })).toMatchObject({ code: 0 });
  });
});
