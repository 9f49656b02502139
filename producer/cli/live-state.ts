import { access } from 'node:fs/promises';
import type { z } from 'zod';
import type { Config } from '../../shared/config/config.js';
import { embeddedSocket } from '../../shared/redis/location.js';
import { RedisBreakers } from '../../shared/breaker/breaker-store.js';
import { readOutages } from './breaker/outage-rows.js';
import { readTasks } from './tasks/task-rows.js';
import { hangsOf } from './hangs/show-hangs.js';
import type { runRowSchema, statusOutput } from './outputs.js';
import { countParked } from '../../shared/limits/places.js';
import { TaskStore } from '../../shared/tasks/task-store.js';
import { readLastRound, type LastRound } from '../../shared/reconcile/last-round.js';
import type { RunStore } from '../../shared/runs/run-store.js';

type LiveState = Pick<z.infer<typeof statusOutput>, 'running' | 'topdirRestores' | 'queues' | 'parked' | 'drained' | 'outages' | 'tasks' | 'hangs' | 'reconciled'>;

const NOT_KNOWN: LiveState = { running: null, topdirRestores: null, queues: null, parked: null, drained: null, outages: null, tasks: null, hangs: null, reconciled: null };

/** Running work and queues. Nulls when Redis does not answer: that is no reason not to show the rest. */
export async function readLiveState(config: Config): Promise<LiveState> {
  if (config.redis.url === null && !(await exists(embeddedSocket(config)))) return NOT_KNOWN;
  try {
    return await ask(config);
  } catch {
    return NOT_KNOWN;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

/** The queue library takes 0.2 s of CPU to load: only when there is a Redis to ask. */
async function ask(config: Config): Promise<LiveState> {
  const { commandConnection } = await import('../../shared/redis/connect.js');
  const redis = commandConnection(config);
  redis.on('error', () => undefined); // told by what was asked
  try {
    await redis.connect();
    const [{ QueueSet }, { RunStore }, { DrainedHosts }] = await Promise.all([import('../../shared/queues/queue-set.js'), import('../../shared/runs/run-store.js'), import('../../shared/orders/drained-hosts.js')]);
    const queues = new QueueSet(redis);
    const { host } = config;
    const counted = [queues.backup, queues.transfer(host), queues.cleanup, queues.cleanupOf(host), queues.copies];
    const counts = await Promise.all(counted.map(async (queue) => [queue.name, await queue.getJobCounts()] as const));
    const parked = await countParked(redis, config.topdirs.map(({ path }) => path));
    const drained = [...(await new DrainedHosts(redis).all())].map(([name, each]) => ({ host: name, ...each }));
    const outages = await readOutages(new RedisBreakers(redis));
    const tasks = await readTasks(new TaskStore(redis));
    const { readStanding } = await import('../../shared/hosts/read-standing.js');
    const hangs = hangsOf(await readStanding(queues));
    const [{ TopdirRestores }, { topdirRestoreRows }] = await Promise.all([import('../../shared/topdir-restore/store.js'), import('./topdir-restore/status-rows.js')]);
    const topdirRestores = await topdirRestoreRows(new TopdirRestores(redis));
    return { topdirRestores, drained, outages, tasks, hangs, parked, reconciled: summed(await readLastRound(redis)), running: await runningRows(new RunStore(redis)), queues: Object.fromEntries(counts) };
  } finally {
    redis.disconnect();
  }
}

function summed(round: LastRound | null): LiveState['reconciled'] {
  const sum = (counts: LastRound['left']): number => Object.values(counts).reduce((all, each) => all + each, 0);
  return round === null ? null : { at: round.at, repaired: sum(round.repaired), left: sum(round.left), problems: round.problems };
}

async function runningRows(runs: RunStore): Promise<z.infer<typeof runRowSchema>[]> {
  const rows = (await runs.running()).map(async (run) => {
    const progress = await runs.progress(run.id);
    const { id, kind, basepathId, phase, startedAt, records } = run;
    const done = { entriesFound: progress.found, entriesDone: progress.entries, archiveBytes: progress.archiveBytes, sentBytes: progress.sentBytes };
    return { id, kind, basepathId, phase, startedAt, records, sourceBytes: run.bytes, ...done };
  });
  return Promise.all(rows);
}
