import { startLocalWorker } from '../../bin/start-local.js';
import { loadConfig } from '../../shared/config/load-config.js';
import { createLogger } from '../../shared/logging/index.js';
import type { QueueTiming } from '../../shared/queues/options.js';

/** A worker as a process of its own, to be killed: FILE of the configuration, TIMING of the queues as JSON. Says when it is ready. */
const [file = '', timing = ''] = process.argv.slice(2);
const { config } = await loadConfig({ file, env: {}, flags: {} });
const logger = createLogger({ level: 'fatal', format: 'json', host: config.host, component: 'bench' });
const worker = await startLocalWorker(config, logger, 'worker', JSON.parse(timing) as QueueTiming);
process.once('SIGTERM', () => void worker.close());
process.stdout.write('ready\n');
