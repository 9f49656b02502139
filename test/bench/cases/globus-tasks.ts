import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { startLocalWorker } from '../../../bin/start-local.js';
import { loadConfig } from '../../../shared/config/load-config.js';
import { createLogger } from '../../../shared/logging/index.js';
import { JOB_VERSION, type TransferJob } from '../../../shared/queues/job-data.js';
import { sendJobId } from '../../../shared/queues/names.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { startEmbeddedRedis } from '../../../shared/redis/embedded.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../../worker/context.js';
import { sampleBytes, sha512 } from '../../conformance/sample-items.js';
import { startGlobusSimulator } from '../../globus-simulator/simulator.js';
import { writeSiteConfig } from '../bench-site.js';
import { seconds, type CaseOptions, type CaseResult } from '../result.js';

const CLIENT = { id: '0b5e0c8e-3f5a-4a5e-9d7e-6a1d2f3c4b5a', secret: 'simulated-client-secret' } as const;
const SOURCE = { id: '0b5e0c8e-0000-4000-8000-0000000050ce', dir: '/' };
const MOST_TASKS = 20;
const SLICE_BYTES = 1_000;
const LOOK_MS = 100;

/** How many tasks a worker makes of the slices of many backups that come one after the other: queue, outbox and sender are those of the product, only dar is not run. */
export async function globusTasks({ dir, quick, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const [backups, slices] = quick ? [5, 20] : [50, 200];
  const { context, tasks } = await site(dir, atEnd);
  const startedAt = performance.now();
  const ids: string[] = [];
  for (let number = 0; number < backups; number++) ids.push(await stage(context, slices));
  const committed = async (): Promise<number> => {
    const all = await Promise.all(ids.map((id) => context.items.all(id)));
    return all.reduce((sum, items) => sum + [...items.values()].filter((item) => item.committed['lts'] !== undefined).length, 0);
  };
  while ((await committed()) < backups * slices) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  const ms = performance.now() - startedAt;
  const carried = tasks();
  say(`${String(carried.length)} tasks of ${carried.join(', ')} files, ${seconds(ms)}`);
  return {
    name: 'globus-tasks',
    data: `${String(backups * slices)} slices of ${String(backups)} backups, ${String(SLICE_BYTES)} bytes each`,
    how: 'transfer jobs of one host, a simulated Globus; every slice proven and on record',
    rows: [{ what: 'Globus tasks', product: String(carried.length), baseline: '-', measured: String(carried.length), runs: carried.join(' '), target: `at most ${String(MOST_TASKS)}`, met: carried.length <= MOST_TASKS }],
    phases: [],
    steps: [],
    notes: [`All on record as committed after ${seconds(ms)}; the live service was not reached.`],
  };
}

async function site(dir: string, atEnd: CaseOptions['atEnd']): Promise<{ context: WorkerContext; tasks: () => number[] }> {
  const [archive, top, secretFile] = [{ id: '0b5e0c8e-0000-4000-8000-00000000a7c1', dir: join(dir, 'archive') }, join(dir, 'top'), join(dir, 'secret')];
  for (const each of [archive.dir, top]) await mkdir(each);
  await writeFile(secretFile, `${CLIENT.secret}\n`, { mode: 0o600 });
  const simulator = await startGlobusSimulator({ stateDir: join(dir, 'globus'), clients: [CLIENT], collections: [SOURCE, archive] });
  atEnd(() => simulator.close());
  const { url } = simulator;
  const globus = { collection: archive.id, clientId: CLIENT.id, secretFile, transferUrl: url, authUrl: url, sources: [{ dir: '/', collection: SOURCE.id, path: '/' }] };
  const file = await writeSiteConfig({ dir: join(dir, 'site'), top, settings: { lts: [{ name: 'lts', backend: 'globus', dir: '/', globus }] } });
  const { config } = await loadConfig({ file, env: {}, flags: {} });
  const redis = await startEmbeddedRedis(config);
  atEnd(() => redis.stop());
  const worker = await startLocalWorker(config, createLogger({ level: 'warn', format: 'json', host: 'bench', component: 'bench' }), 'worker');
  atEnd(() => worker.close());
  return { context: worker.context, tasks: () => simulator.tasks().filter(({ type }) => type === 'TRANSFER').map(({ items }) => items.length).filter((count) => count > 1) };
}

/** A backup that is being saved, with slices in staging and a transfer job for each ten of them, as a shard orders them. */
async function stage({ runs, items, queues, staging, config: { host } }: WorkerContext, slices: number): Promise<string> {
  const id = ulid();
  const run: Run = {
    id, kind: 'backup', basepathId: 'alice', path: '/u/alice', level: 'full', jobId: `backup.${id}`, phase: 'saving', startedAt: new Date().toISOString(), endedAt: null,
    work: 't1', shards: 1, step: 0, records: 0, bytes: '0', error: null, outcome: null,
  };
  await runs.create(run);
  const start = 's0001-t1-abcdef';
  await runs.claimShard(id, 1, start);
  const dir = await staging.createStart(id, start);
  const content = sampleBytes(SLICE_BYTES);
  const hash = sha512(content);
  for (let at = 0; at < slices; at += 10) {
    const names = Array.from({ length: 10 }, (_, index) => `${id}-${start}.${String(at + index + 1)}.dar`);
    for (const name of names) await writeFile(join(dir, name), content);
    const own = names.map((name) => [`alice/${id}/${name}`, { host, file: join(dir, name), bytes: SLICE_BYTES, sha512: hash, start, committed: {} }] as const);
    await items.add(id, { shard: 1, start }, new Map(own));
    const data: TransferJob = { v: JOB_VERSION, backupId: id, basepathId: 'alice', objects: own.map(([object]) => object) };
    await queues.transfer(host).add('send', data, { jobId: sendJobId(own[0]?.[0] ?? ''), priority: priorityOf('full', 'shard') });
  }
  return id;
}
