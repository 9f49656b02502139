import { mkdir } from 'node:fs/promises';
import type { CompiledProduct } from '../../faults/compiled-product.js';
import { startRedis, type TestRedis } from '../http/redis.js';
import { cliSite, type CliSite } from '../cli/cli-site.js';
import { startCli, type CliProcess } from '../cli/cli-process.js';

/** A site whose Redis is a server of its own (on a socket: no port to collide with), for a producer and workers as processes. */
export interface ProcessSite extends CliSite {
  readonly redis: TestRedis;
  readonly socket: string;
}

export async function processSite(settings: Readonly<Record<string, unknown>> = {}): Promise<ProcessSite> {
  const redis = await startRedis();
  const socket = redis.redis.options.path ?? '';
  const http = { producerPort: 0, workerPort: 0 };
  return { ...(await cliSite({ redis: { url: socket }, http, schedule: { events: { scan: '1s' } }, ...settings })), redis, socket };
}

/** A daemon, and the port its HTTP server got. */
export interface Daemon extends CliProcess {
  readonly url: string;
}

export async function startProducer(product: CompiledProduct, site: ProcessSite): Promise<Daemon> {
  return listening(startCli(product, ['producer'], { config: site.configFile }));
}

/** Each host has staging and state of its own. */
export async function startWorker(product: CompiledProduct, site: ProcessSite, host: string): Promise<Daemon> {
  const config = await hostConfig(site, host);
  const worker = await listening(startCli(product, ['worker', '--set', `host=${host}`], { config }));
  await worker.said(/"msg":"worker ready"/);
  return worker;
}

async function hostConfig(site: ProcessSite, host: string): Promise<string> {
  for (const name of ['staging', 'state']) await mkdir(site.at(`${name}-${host}`), { mode: 0o700 });
  const own = { staging: { dir: site.at(`staging-${host}`), budget: '1GiB' }, state: { dir: site.at(`state-${host}`) } };
  return site.configure(`${host}.yaml`, own);
}

async function listening(daemon: CliProcess): Promise<Daemon> {
  const [, port = ''] = await daemon.said(/"port":(\d+),"msg":"http server listens"/);
  return { ...daemon, url: `http://127.0.0.1:${port}` };
}
