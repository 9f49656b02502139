import type { z } from 'zod';
import { formatError, toBwError } from '../shared/errors/bw-error.js';
import { workerConnection } from '../shared/redis/connect.js';
import { finishForOthers, waitForOthers } from '../producer/cli/finish-for-others.js';
import type { standaloneOutput } from '../producer/cli/outputs.js';
import { showProgress } from '../producer/cli/show-progress.js';
import type { CommonOptions, Site } from '../producer/cli/site.js';
import type { StopSignal } from '../producer/cli/stop-signal.js';
import type { Producer } from '../producer/producer.js';
import type { ClosedGate } from '../producer/scheduler/hook-gate.js';
import type { TopdirReport } from '../producer/scheduler/tick.js';
import { watchJobs, type Ended } from '../producer/scheduler/watch-jobs.js';
import { drainCleanupAndKits } from './drain-cleanup.js';
import type { LocalService } from '../producer/cli/session.js';
import type { LocalWorker } from './start-local.js';

export interface OnceParts {
  readonly site: Site;
  readonly local: LocalWorker & LocalService;
  readonly producer: Producer;
  readonly stop: StopSignal;
  readonly options: CommonOptions;
}

type Output = z.infer<typeof standaloneOutput>;
type EndedBackup = Ended & { readonly basepathId: string };

/** One round, then waits for all backups that are in flight (those an earlier call left too) and for what follows from them. */
export async function doOnce(parts: OnceParts): Promise<Output> {
  const { context } = parts.local;
  const since = Date.now();
  const reports = await parts.producer.tick();
  const basepaths = new Map(reports.flatMap(({ enqueued, inFlight }) => [...inFlight, ...enqueued].map(({ jobId, basepathId }) => [jobId, basepathId] as const)));
  const ended = await waitFor(parts, basepaths);
  let gates: readonly ClosedGate[] = [];
  if (!parts.stop.signal.aborted) {
    const own = { redis: context.queues.redis, logger: parts.site.logger, since, signal: parts.stop.signal };
    await waitForOthers(own);
    await parts.local.settled();
    await prune(parts);
    await drainCleanupAndKits(context.queues, parts.site.config.host, parts.stop.signal);
    gates = await parts.producer.closeGates();
    await finishForOthers(own, parts.local.door);
  }
  return summarise(reports, ended, basepaths.size - ended.length, gates);
}

/** What was saved is safe, whatever comes of this: the next call tries again. */
async function prune({ producer, site }: OnceParts): Promise<void> {
  await producer.prune().catch((thrown: unknown) => { site.logger.error({ err: toBwError(thrown) }, 'nothing was removed'); });
}

async function waitFor({ site, local, stop, options }: OnceParts, basepaths: ReadonlyMap<string, string>): Promise<EndedBackup[]> {
  const { queues, runs } = local.context;
  const ended: EndedBackup[] = [];
  const progress = showProgress(runs, options);
  const onEnded = (each: Ended): void => {
    const backup = { ...each, basepathId: basepaths.get(each.jobId) ?? '?' };
    ended.push(backup);
    progress.say(lineOf(backup, ended.length, basepaths.size));
  };
  try {
    await watchJobs(queues, workerConnection(site.config), new Set(basepaths.keys()), onEnded, { signal: stop.signal });
  } finally {
    await progress.stop();
  }
  return ended;
}

function lineOf(ended: EndedBackup, done: number, total: number): string {
  const how = ended.state === 'completed' ? `sealed, ${outcomeOf(ended) ?? 'unknown'}` : 'FAILED';
  return `[${done}/${total}] ${ended.basepathId}: ${how} (${backupIdOf(ended)})`;
}

function outcomeOf({ returnValue }: Ended): string | null {
  return (returnValue as { outcome?: string } | null)?.outcome ?? null;
}

/** Job ids are `backup.ID`. */
function backupIdOf({ jobId }: Ended): string {
  return jobId.slice(jobId.indexOf('.') + 1);
}

function summarise(reports: readonly TopdirReport[], ended: readonly EndedBackup[], unfinished: number, gates: readonly ClosedGate[]): Output {
  const failures = ended.filter(({ state }) => state === 'failed');
  const errorOf = ({ topdir, error }: TopdirReport): string | null => {
    const first = error ?? gates.find((gate) => gate.topdir === topdir)?.error ?? null;
    return first === null ? null : formatError(first);
  };
  return {
    v: 1,
    sealed: ended.length - failures.length,
    withExceptions: ended.filter((each) => outcomeOf(each) === 'with-exceptions').length,
    failed: failures.length,
    unfinished,
    failures: failures.map((each) => ({ basepathId: each.basepathId, backupId: backupIdOf(each), error: each.reason ?? 'unknown' })),
    topdirs: reports.map((report) => {
      const { topdir, found, added, deleted, enqueued } = report;
      return { topdir, found, added, deleted, enqueued: enqueued.length, error: errorOf(report) };
    }),
  };
}
