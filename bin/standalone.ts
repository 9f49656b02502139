import type { z } from 'zod';
import { EXIT } from '../shared/errors/exit-codes.js';
import { rebuildIndex } from '../shared/runs/rebuild-index.js';
import { standaloneOutput } from '../producer/cli/outputs.js';
import { plural, print, printJson, say } from '../producer/cli/print.js';
import type { LocalService } from '../producer/cli/session.js';
import { openSite, type CommonOptions, type Site } from '../producer/cli/site.js';
import { catchStop, type StopSignal } from '../producer/cli/stop-signal.js';
import { startProducerHttp } from '../producer/http.js';
import { openProducer, type Producer } from '../producer/producer.js';
import { collectStaging, workerChecks } from '../worker/http.js';
import { doOnce } from './do-once.js';
import { startLocal, type LocalWorker } from './start-local.js';

export interface StandaloneOptions extends CommonOptions {
  readonly once?: boolean;
}

/** `bw-bkup standalone`: Redis, producer and worker in one process; `--once` does what is due and ends. */
export async function standaloneCommand(options: StandaloneOptions): Promise<number> {
  const once = options.once === true;
  const site = await openSite(options, { directories: 'stores', component: once ? 'cli' : 'standalone' });
  const working: { local?: LocalWorker } = {};
  const hurry = (): void => {
    site.logger.warn('told again: ending at once, what is not kept yet is lost');
    working.local?.hurry();
  };
  const stop = catchStop(
    (signal) => {
      if (once) say(`${signal}: stopping, what is being worked on is given back.`);
      else site.logger.info({ signal }, 'stopping: running jobs are handed back');
    },
    once ? undefined : hurry, // who waits in front of it wants it gone
  );
  const local = await startLocal(site.config, site.logger);
  working.local = local;
  try {
    const { redis } = local.context.queues;
    await rebuildIndex(redis, site.catalog); // an embedded Redis may be new, or older than the catalog
    const producer = await openProducer({ ...site, redis, signal: stop.signal });
    try {
      return once ? await runOnce(site, local, producer, stop, options) : await serve(site, local, producer, stop);
    } finally {
      await producer.close();
    }
  } finally {
    await local.close();
  }
}

async function serve(site: Site, local: LocalWorker, producer: Producer, stop: StopSignal): Promise<number> {
  const { queues } = local.context;
  collectStaging(local.context);
  const ready = workerChecks(local.context, queues.redis, () => local.isRunning());
  const http = await startProducerHttp({ ...site, metrics: local.metrics, queues, redis: queues.redis, ready });
  producer.start();
  await stop.stopped;
  await http?.close();
  return EXIT.ok;
}

async function runOnce(site: Site, local: LocalWorker & LocalService, producer: Producer, stop: StopSignal, options: StandaloneOptions): Promise<number> {
  const output = await doOnce({ site, local, producer, stop, options });
  if (options.json === true) printJson(standaloneOutput, output);
  else printPeople(output);
  return stop.signal.aborted ? stop.exitCode() : exitCode(output);
}

type Output = z.infer<typeof standaloneOutput>;

function printPeople({ topdirs, failures, sealed, withExceptions, failed, unfinished }: Output): void {
  for (const { basepathId, backupId, error } of failures) print(`${basepathId}: backup ${backupId} failed: ${error}`);
  for (const { error } of topdirs) if (error !== null) print(error);
  print(`${plural(sealed, 'backup')} sealed (${withExceptions} with exceptions), ${failed} failed.`);
  if (unfinished > 0) print(`${plural(unfinished, 'backup')} not done: the next \`bw-bkup standalone\` goes on with them.`);
}

function exitCode(output: Output): number {
  if (output.failed > 0 || output.topdirs.some((topdir) => topdir.error !== null)) return EXIT.failed;
  return output.withExceptions > 0 ? EXIT.exceptions : EXIT.ok;
}
