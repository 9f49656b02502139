import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { commandConnection } from '../../../shared/redis/connect.js';
import { startEmbeddedRedis } from '../../../shared/redis/embedded.js';
import { loadConfig } from '../../../shared/config/load-config.js';
import { decideAll, manyBasepaths } from '../../helpers/many-basepaths.js';
import { writeSiteConfig } from '../bench-site.js';
import { seconds, type CaseOptions, type CaseResult } from '../result.js';
import { median } from '../statistics.js';

const LIMIT_MS = 5000;
const LIMIT_BYTES = 4000;

/** What a round of the producer decides for very many basepaths, nothing queued. */
export async function due({ dir, quick, runs, say, atEnd }: CaseOptions): Promise<CaseResult> {
  const count = quick ? 1000 : 100_000;
  const top = join(dir, 'top');
  await mkdir(top);
  const { config } = await loadConfig({ file: await writeSiteConfig({ dir: join(dir, 'site'), top }), env: {}, flags: {} });
  const server = await startEmbeddedRedis(config);
  atEnd(() => server.stop());
  const connection = commandConnection(config);
  const queues = new QueueSet(connection);
  atEnd(async () => {
    await queues.close();
    connection.disconnect(); // else it waits for the server for ever
  });
  const { records, bytesEach } = await manyBasepaths(queues, count);
  const { schedule } = config;
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now();
    const { basepaths } = await decideAll(queues, schedule, records);
    times.push(performance.now() - startedAt);
    if (basepaths.length !== count) throw new Error(`decided about ${basepaths.length} of ${count} basepaths`);
  }
  const ms = median(times);
  say(`${seconds(ms)}, ${bytesEach.toFixed(0)} bytes of Redis for each`);
  return {
    name: 'due',
    data: `${count} basepaths with 30 sealed backups each (1 full, 29 incrementals)`,
    how: 'facts read from Redis, all decided; no scan of directories',
    rows: [
      { what: 'deciding what is due', product: seconds(ms), baseline: '-', measured: seconds(ms), runs: times.map(seconds).join(' '), target: `< ${seconds(LIMIT_MS)}`, met: ms < LIMIT_MS },
      { what: 'Redis memory per basepath', product: `${bytesEach.toFixed(0)} B`, baseline: '-', measured: `${bytesEach.toFixed(0)} B`, runs: '-', target: `< ${LIMIT_BYTES} B`, met: bytesEach < LIMIT_BYTES },
    ],
    phases: [],
    steps: [],
    notes: [],
  };
}
