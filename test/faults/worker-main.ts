// A worker of a site in a process of its own: node worker-main.js CONFIG HOST STAGING TIMING. Says `ready` when it is.
import { startLocalWorker } from '../../bin/start-local.js';
import { loadConfig } from '../../shared/config/load-config.js';
import { createLogger } from '../../shared/logging/index.js';
import type { QueueTiming } from '../../shared/queues/options.js';

const [file = '', host = '', staging = '', timing = ''] = process.argv.slice(2);
const { config } = await loadConfig({ file, env: {}, flags: {} });
const logger = createLogger({ level: 'fatal', format: 'json', host, component: 'worker' });
const worker = await startLocalWorker({ ...config, host, staging: { ...config.staging, dir: staging } }, logger, 'worker', JSON.parse(timing) as QueueTiming);
process.once('SIGTERM', () => { void worker.close(); });
process.stdout.write('ready\n');
