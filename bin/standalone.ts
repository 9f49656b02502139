import type { z } from 'zod';
import { EXIT } from '../shared/errors/exit-codes.js';
import { formatError } from '../shared/errors/bw-error.js';
import { workerConnection } from '../shared/redis/connect.js';
import { hurryKitRefresh } from '../shared/runs/order-kit.js';
import { rebuildIndex } from '../shared/runs/rebuild-index.js';
import { standaloneOutput } from '../producer/cli/outputs.js';
import { print, printJson } from '../producer/cli/print.js';
import { openSite, type CommonOptions, type Site } from '../producer/cli/session.js';
import { showProgress } from '../producer/cli/show-progress.js';
import { startProducerHttp } from '../producer/http.js';
import { openProducer, type Producer } from '../producer/producer.js';
import type { TopdirReport } from '../producer/scheduler/tick.js';
import { watchJobs, type Ended } from '../producer/scheduler/watch-jobs.js';
import { collectStaging, workerChecks } from '../worker/http.js';
import { drainCleanup } from './drain-cleanup.js';
import { startLocal, type LocalWorker } from './start-local.js';
import { untilSignal } from './until-signal.js';

export interface StandaloneOptions extends CommonOptions {
  readonly once?: boolean;
}

type Output = z.infer<typeof standaloneOutput>;

/** `bw-bkup standalone`: Redis, producer and worker in one process; `--once` does what is due and ends. */
export async function standaloneCommand(options: StandaloneOptions): Promise<number> {
  const site = await openSite(options);
  const local = await startLocal(site.config, site.logger);
  try {
    const { redis } = local.context.queues;
    await rebuildIndex(redis, site.catalog); // an embedded Redis may be new, or older than the catalog
    const producer = await openProducer({ ...site, redis });
    try {
      return options.once === true ? await once(site, local, producer, options) : await serve(site, local, producer);
    } finally {
      await producer.close();
    }
  } finally {
    await local.close();
  }
}

async function serve(site: Site, local: LocalWorker, producer: Producer): Promise<number> {
  const { queues } = local.context;
  collectStaging(local.context);
  const ready = workerChecks(local.context, queues.redis, local.isRunning);
  const http = await startProducerHttp({ ...site, metrics: local.metrics, queues, redis: queues.redis, ready });
  producer.start();
  await untilSignal(site.logger);
  await http?.close();
  return EXIT.ok;
}

async function once(site: Site, local: LocalWorker, producer: Producer, options: StandaloneOptions): Promise<number> {
  const { context } = local;
  const reports = await producer.tick();
  const jobIds = new Set(reports.flatMap((report) => report.enqueued.map((each) => each.jobId)));
  const ended: Ended[] = [];
  const progress = showProgress(context.runs, options);
  const watching = watchJobs(context.queues, workerConnection(site.config), jobIds, (each) => {
    ended.push(each);
    progress.say(lineOf(each, ended.length, jobIds.size));
  });
  const stopped = await Promise.race([watching.then(() => false), untilSignal(site.logger).then(() => true)]);
  await progress.stop();
  if (stopped) return EXIT.failed;
  await hurryKitRefresh(context.queues);
  await drainCleanup(context.queues, site.config.host);
  await producer.closeGates();
  return report(reports, ended, options);
}

function lineOf(ended: Ended, done: number, total: number): string {
  const result = ended.returnValue as { outcome?: string } | null;
  const text = ended.state === 'completed' ? `sealed, ${result?.outcome ?? 'unknown'}` : `FAILED: ${ended.reason ?? 'unknown'}`;
  return `[${done}/${total}] ${ended.jobId}: ${text}`;
}

function report(reports: readonly TopdirReport[], ended: readonly Ended[], options: StandaloneOptions): number {
  const withExceptions = ended.filter(({ returnValue }) => (returnValue as { outcome?: string } | null)?.outcome === 'with-exceptions').length;
  const failed = ended.filter(({ state }) => state === 'failed').length;
  const output: Output = {
    v: 1,
    sealed: ended.length - failed,
    withExceptions,
    failed,
    topdirs: reports.map(({ topdir, found, added, deleted, enqueued, error }) => {
      return { topdir, found, added, deleted, enqueued: enqueued.length, error: error === null ? null : formatError(error) };
    }),
  };
  if (options.json === true) printJson(standaloneOutput, output);
  else {
    for (const topdir of output.topdirs) if (topdir.error !== null) print(topdir.error);
    print(`${output.sealed} backups sealed (${withExceptions} with exceptions), ${failed} failed.`);
  }
  if (failed > 0 || output.topdirs.some((topdir) => topdir.error !== null)) return EXIT.failed;
  return withExceptions > 0 ? EXIT.exceptions : EXIT.ok;
}
