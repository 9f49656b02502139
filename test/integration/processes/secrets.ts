import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { CompiledProduct } from '../../faults/compiled-product.js';
import { CLIENT, simulatedGlobus } from '../../helpers/globus-simulator.js';
import { startRedisServer } from '../../helpers/redis-server.js';
import { workspace } from '../../helpers/workspace.js';
import { until } from '../bad-input/until.js';
import { runCli, startCli, type CliProcess } from '../cli/cli-process.js';
import { cliSite } from '../cli/cli-site.js';
import { CommandLines, filesBelow, findSecrets, keysOf, type Place } from './find-secrets.js';

const random = (): string => randomBytes(24).toString('base64url');

const SECRETS = { 'client secret': `cs_${random()}`, token: `Ag${random()}`, 'Redis password': `rp_${random()}`, passphrase: `pp_${random()}`, 'board token': randomBytes(32).toString('hex') } as const;

const ARCHIVE = '0b5e0c8e-0000-4000-8000-00000000a7c1';

async function secretSite() {
  const dir = await workspace();
  const redis = await startRedisServer(dir);
  await redis.redis.config('SET', 'requirepass', SECRETS['Redis password']);
  await redis.redis.auth(SECRETS['Redis password']);
  const secret = async (name: string, text: string): Promise<string> => {
    await mkdir(join(dir, 'secrets'), { recursive: true, mode: 0o700 });
    await writeFile(join(dir, 'secrets', name), `${text}\n`, { mode: 0o600 });
    return join(dir, 'secrets', name);
  };
  const files = {
    redis: await secret('redis', `redis://:${SECRETS['Redis password']}@127.0.0.1:${redis.port}`),
    client: await secret('client', SECRETS['client secret']),
    key: await secret('key', SECRETS.passphrase),
    board: await secret('board', SECRETS['board token']),
  };
  const site = await cliSite();
  const shown = { id: '0b5e0c8e-0000-4000-8000-0000000050ce', dir: site.dir };
  const archive = { id: ARCHIVE, dir: site.at('lts') };
  const globus = await simulatedGlobus(dir, { collections: [shown, archive], clients: [{ ...CLIENT, secret: SECRETS['client secret'] }], makeToken: () => SECRETS.token });
  const settings = {
    redis: { urlFile: files.redis },
    http: { producerPort: 0, workerPort: 0, tokenFile: files.board },
    dar: { sliceSize: '64MiB', encryption: { keyFile: files.key, keyId: 'test-key' } },
    logging: { level: 'trace', format: 'json' },
    lts: [{
      name: 'nearline', backend: 'globus', dir: '/',
      globus: {
        collection: archive.id, sources: [{ dir: site.dir, collection: shown.id, path: '/' }], clientId: CLIENT.id, secretFile: files.client, transferUrl: globus.url, authUrl: globus.url,
      },
    }],
  };
  return { site, redis, globus, config: await site.configure('secret.yaml', settings) };
}

/**
 * No secret is anywhere but in its file: a full and a restore through Globus by real processes, then a search through everything that they wrote, said or
 * showed. The same search then finds what is planted.
 */
export async function secretsStayInTheirFiles(product: CompiledProduct): Promise<void> {
  const { site, redis, globus, config } = await secretSite();
  await site.write({ 'alice/file': 'content of alice', 'alice/other': randomBytes(100_000) });
  const said: Place[] = [];
  const told: string[] = [];
  const watcher = redis.redis.duplicate({ password: SECRETS['Redis password'] });
  const monitor = await watcher.monitor();
  for (const each of [watcher, monitor]) each.on('error', () => undefined);
  onTestFinished(() => {
    for (const each of [watcher, monitor]) each.disconnect();
  });
  monitor.on('monitor', (_time: string, args: readonly string[]) => told.push(args.join(' ')));
  const lines = new CommandLines(40);
  onTestFinished(() => { lines.stop(); });

  const [producer, worker] = await Promise.all([listening(startCli(product, ['producer'], { config })), listening(startCli(product, ['worker'], { config }))]);
  await until('alice is sealed', async () => ((await cli(['backups', '--json'])).includes('"full"') ? true : null), 60_000);
  const restored = await cli(['restore', site.at('top/alice'), '--to', site.at('restore/r'), '--json', '--verbose']);
  expect(await readFile(site.at('restore/r/file'), 'utf8'), restored).toBe('content of alice');
  for (const args of [['status', '--json'], ['status'], ['explain', site.at('top/alice')]]) await cli(args);
  // What went wrong says most.
  globus.control({ do: 'collection', id: ARCHIVE, state: { session: 'policy-failed' } });
  expect(await cli(['doctor', '--json'])).toContain('GLOBUS_SESSION_EXPIRED');
  for (const { url } of [producer, worker]) for (const path of ['/healthz', '/readyz', '/metrics', '/queues']) await get(url, path);
  const queues = JSON.parse(await get(producer.url, '/queues/api/queues')) as { queues: readonly { name: string }[] };
  expect(queues.queues.length).toBeGreaterThan(2);
  for (const { name } of queues.queues) await get(producer.url, `/queues/api/queues?activeQueue=${encodeURIComponent(name)}&status=latest&page=1`);
  expect(globus.requests().filter(({ status }) => status === 200).length).toBeGreaterThan(5);
  for (const { process } of [producer, worker]) process.child.kill('SIGTERM');
  for (const { process } of [producer, worker]) {
    const { stdout, stderr } = await process.end;
    expect(stderr).toContain('"level":'); // it does log
    note('log of a daemon', `${stdout}${stderr}`);
  }
  note('what was said to Redis', told.join('\n'));

  const everywhere = async (): Promise<string[]> => [
    ...(await findSecrets(SECRETS, said)),
    ...(await findSecrets(SECRETS, filesBelow(site.dir))), // staging, catalog, journal, state, LTS, logs, what was restored
    ...(await findSecrets(SECRETS, keysOf(redis.redis))),
    ...(await findSecrets(SECRETS, lines.places())),
  ];
  expect(told.length).toBeGreaterThan(100);
  expect(await everywhere()).toEqual([]);

  await plant();
  expect(await everywhere()).toEqual([
    'passphrase in log of a daemon', `client secret in ${site.at('catalog/planted')}`, 'token in key planted', 'Redis password in arguments of sleep',
  ]);

  async function cli(args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await runCli(product, args, { config });
    note(`answer of ${args[0] ?? ''}`, `${stdout}${stderr}`);
    return stdout;
  }

  async function get(url: string, path: string): Promise<string> {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${SECRETS['board token']}` } });
    const body = await answer.text();
    note(`GET ${path}`, `${JSON.stringify([...answer.headers])} ${body}`);
    return body;
  }

  function note(where: string, text: string): void {
    said.push({ where, bytes: Buffer.from(text) });
  }

  /** One secret in a place of each kind, in a form that is not the plain one where that may happen. */
  async function plant(): Promise<void> {
    note('log of a daemon', `{"msg":"${Buffer.from(`user:${SECRETS.passphrase}`).toString('base64')}"}`);
    await writeFile(site.at('catalog/planted'), `x${SECRETS['client secret']}x`);
    await redis.redis.hset('planted', 'url', encodeURIComponent(SECRETS.token));
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => undefined, 60_000)', SECRETS['Redis password']], { stdio: 'ignore', argv0: 'sleep' });
    onTestFinished(() => { child.kill('SIGKILL'); });
    await lines.look();
  }
}

async function listening(daemon: CliProcess): Promise<{ process: CliProcess; url: string }> {
  const [, port = ''] = await daemon.said(/"port":(\d+),"msg":"http server listens"/);
  return { process: daemon, url: `http://127.0.0.1:${port}` };
}
