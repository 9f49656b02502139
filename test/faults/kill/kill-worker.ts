// A worker process that kills itself at the first edge it comes to that no worker has died at: node kill-worker.js CONFIG HOST STAGING TIMING PASSED CHOICE.
// It waits for a line on its standard input, so that it can be there, all loaded, when its predecessor dies.
import { appendFileSync, readFileSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import { startLocalWorker } from '../../../bin/start-local.js';
import { loadConfig } from '../../../shared/config/load-config.js';
import { createLogger } from '../../../shared/logging/index.js';
import { QUEUES, cleanupQueue, transferQueue } from '../../../shared/queues/names.js';
import type { QueueTiming } from '../../../shared/queues/options.js';
import { releaseLocks } from '../../../shared/queues/release-locks.js';
import { workerConnection } from '../../../shared/redis/connect.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { AdjustableLimiter } from '../../../shared/transfer/bandwidth.js';
import { isChosen, killedAt } from './choice.js';
import { watchEdges, type Passing } from './edge-watch.js';

/** A job fails when a fourth worker dies of it: some die of another one beside it. */
const MAX_STALLED = 2;

const [file = '', host = '', staging = '', timing = '', passedFile = '', choice = ''] = process.argv.slice(2);
let done: ReadonlySet<string> = new Set();
const passed = new Set<string>();

function onPass({ job, at, when, stalled }: Passing): void {
  const edge = `${job}: ${at} (${when})`;
  const dies = isChosen(choice, { job, at, when }) && !done.has(edge) && stalled < MAX_STALLED;
  if (!dies && passed.has(edge)) return;
  passed.add(edge);
  appendFileSync(passedFile, `${dies ? 'killed' : 'passed'}\t${edge}\n`);
  if (dies) process.kill(process.pid, 'SIGKILL');
}

const ending = once(process, 'SIGTERM'); // from the beginning: one that dies while it reads its configuration leaves the files with which it checks its directories
watchEdges(onPass);
AdjustableLimiter.prototype.take = () => Promise.resolve(); // a simulated service does not meter calls
const { config } = await loadConfig({ file, env: {}, flags: {} });
const logger = createLogger({ level: 'fatal', format: 'json', host, component: 'worker' });
const isWanted = await Promise.race([once(process.stdin, 'data').then(() => true), ending.then(() => false)]);
if (!isWanted) process.exit();
process.stdin.destroy();
done = new Set(killedAt(readFileSync(passedFile, 'utf8')));
// As standalone does: its predecessor is dead, and nobody else works here.
const redis = workerConnection(config);
await redis.connect();
await releaseLocks(redis, [QUEUES.backup, QUEUES.cleanup, QUEUES.copies, transferQueue(host), cleanupQueue(host)]);
const tasks = new TaskStore(redis);
for (const { task, holder } of await tasks.all()) if (holder !== null) await tasks.release(task.id, holder);
redis.disconnect();
const worker = await startLocalWorker({ ...config, host, staging: { ...config.staging, dir: staging } }, logger, 'worker', JSON.parse(timing) as QueueTiming);
void ending.then(() => worker.close());
writeSync(1, 'ready\n');
