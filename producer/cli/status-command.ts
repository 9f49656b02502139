import type { z } from 'zod';
import { summarise, type BasepathStatus } from '../../shared/catalog/status.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { readJournal } from '../../shared/journal/index.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { fromPathJson } from '../../shared/paths/path-json.js';
import { QueueSet } from '../../shared/queues/queue-set.js';
import { commandConnection } from '../../shared/redis/connect.js';
import { RunStore } from '../../shared/runs/run-store.js';
import { formatBytes, formatCount, formatDuration, table } from '../../shared/terminal/index.js';
import { statusOutput, type runRowSchema, type statusRowSchema } from './outputs.js';
import { print, printJson } from './print.js';
import { openSite, type CommonOptions, type Site } from './session.js';

type Output = z.infer<typeof statusOutput>;

/** `bw-bkup status`: every basepath from catalog and journal, so it is right while Redis and producer are down; running work besides. */
export async function statusCommand(options: CommonOptions): Promise<number> {
  const site = await openSite(options);
  const records = readJournal(site.catalog.journalDir, {
    onProblem: (problem) => { site.logger.warn({ problem }, 'journal line not usable'); },
  });
  const basepaths = (await summarise(records, site.catalog.listBackups(), Date.now())).map(statusRow);
  const live = await liveState(site);
  const output: Output = { v: 1, basepaths, ...live };
  if (options.json === true) printJson(statusOutput, output);
  else printPeople(output);
  return basepaths.some((row) => row.state === 'never' || row.state === 'failed-since') ? EXIT.failed : EXIT.ok;
}

function statusRow(status: BasepathStatus): z.infer<typeof statusRowSchema> {
  const { lastError } = status;
  return {
    basepathId: status.id,
    path: status.path,
    topdir: status.topdir,
    state: status.state,
    lastBackupId: status.lastSealed?.backupId ?? null,
    lastCapturedAt: status.lastSealed?.capturedAt ?? null,
    lastFullCapturedAt: status.lastFull?.capturedAt ?? null,
    ageMs: status.ageMs,
    exceptions: status.exceptions,
    records: status.files,
    sourceBytes: status.bytes,
    lastError: lastError === null ? null : { code: lastError.code, message: lastError.message, at: lastError.at },
  };
}

/** Nulls when Redis does not answer: that is no reason not to show the rest. */
async function liveState(site: Site): Promise<Pick<Output, 'running' | 'queues'>> {
  const redis = commandConnection(site.config);
  redis.on('error', () => undefined);
  const queues = new QueueSet(redis);
  try {
    await redis.connect();
    const running = await runningRows(new RunStore(redis));
    const host = site.config.host;
    const counted = [queues.backup, queues.transfer(host), queues.cleanup, queues.cleanupOf(host)];
    const counts = await Promise.all(counted.map(async (queue) => [queue.name, await queue.getJobCounts()] as const));
    return { running, queues: Object.fromEntries(counts) };
  } catch {
    return { running: null, queues: null };
  } finally {
    await queues.close();
    redis.disconnect();
  }
}

async function runningRows(runs: RunStore): Promise<z.infer<typeof runRowSchema>[]> {
  const rows = (await runs.running()).map(async (run) => {
    const progress = await runs.progress(run.id);
    const { id, kind, basepathId, phase, startedAt, records } = run;
    const done = { entriesDone: progress.entries, archiveBytes: progress.archiveBytes, sentBytes: progress.sentBytes };
    return { id, kind, basepathId, phase, startedAt, records, sourceBytes: run.bytes, ...done };
  });
  return Promise.all(rows);
}

function printPeople(output: Output): void {
  if (output.basepaths.length === 0) print('No basepath is on record yet: the first scan finds them.');
  else
    print(
      table(output.basepaths, [
        { title: 'basepath', cell: (row) => (row.path === null ? row.basepathId : showPath(fromPathJson(row.path))) },
        { title: 'id', cell: (row) => row.basepathId },
        { title: 'state', cell: (row) => row.state },
        { title: 'age', align: 'right', cell: (row) => (row.ageMs === null ? '-' : formatDuration(row.ageMs)) },
        { title: 'entries', align: 'right', cell: (row) => formatCount(row.records) },
        { title: 'size', align: 'right', cell: (row) => formatBytes(BigInt(row.sourceBytes)) },
        { title: 'last error', cell: (row) => (row.lastError === null ? '' : `${row.lastError.code}: ${row.lastError.message}`) },
      ]),
    );
  if (output.running === null) print('Running work is unknown: Redis does not answer (no standalone running?).');
  for (const run of output.running ?? []) {
    const done = `${formatCount(run.entriesDone)} of ${formatCount(run.records)} entries`;
    print(`${run.kind} ${run.id} of ${run.basepathId}: ${run.phase}, ${done}, ${formatBytes(run.sentBytes)} in long-term storage`);
  }
}
