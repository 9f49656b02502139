import type { Config } from '../../../shared/config/config.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { Presence } from '../../../shared/hosts/presence.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { readOutboxes } from '../../../shared/tasks/read-outboxes.js';
import { taskName, type TaskRecord } from '../../../shared/tasks/task-record.js';
import { TaskStore, type LiveTask } from '../../../shared/tasks/task-store.js';
import { formatBytes, formatCount, formatDuration, table } from '../../../shared/terminal/index.js';
import { ltsNamed } from '../copies/copies-command.js';
import { operatorName } from '../removal/operator.js';
import { plural, print, printJson } from '../print.js';
import type { Session, StartLocal } from '../session.js';
import type { CommonOptions } from '../site.js';
import { withSession } from '../work/drain-command.js';
import { ambiguous, SHORTEST } from '../work/stop-command.js';
import { taskCancelOutput, tasksOutput, type OutboxRow, type TaskRow } from './outputs.js';
import { outboxLine, outboxRow, rateText, readTasks, remarkLines, since } from './task-rows.js';

export interface TasksListOptions extends CommonOptions {
  readonly lts?: string;
}

/** `bw-bkup tasks list`: transfers of asynchronous LTS that may be alive at their service, and what waits for one. */
export async function tasksListCommand(options: TasksListOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const redis = session.queues.redis;
    const all = await readTasks(new TaskStore(redis));
    const names = ltsToShow(session.config, all, options.lts);
    const outboxes = (await readOutboxes(new Outbox(redis), names, await new Presence(redis).heard())).map(outboxRow);
    const tasks = all.filter(({ lts }) => names.includes(lts));
    if (options.json === true) printJson(tasksOutput, { v: 1, tasks, outboxes });
    else printPeople(tasks, outboxes);
    return EXIT.ok;
  });
}

/** Configured ones, and those that tasks are alive of all the same. Throws USAGE. */
function ltsToShow(config: Config, tasks: readonly TaskRow[], only: string | undefined): string[] {
  const names = [...new Set([...config.lts.map(({ name }) => name), ...tasks.map(({ lts }) => lts)])];
  if (only === undefined) return names;
  return [names.includes(only) ? only : ltsNamed(config, only)];
}

function printPeople(tasks: readonly TaskRow[], outboxes: readonly OutboxRow[]): void {
  const nowMs = Date.now();
  if (tasks.length === 0) print('No transfer task is alive.');
  else {
    print(
      table(tasks, [
        { title: 'id', cell: ({ id }) => id },
        { title: 'LTS', cell: ({ lts }) => lts },
        { title: 'host', cell: ({ host }) => host },
        { title: 'state', cell: ({ state }) => state },
        { title: 'files', align: 'right', cell: ({ itemsDone, items }) => `${formatCount(itemsDone)}/${formatCount(items)}` },
        { title: 'size', align: 'right', cell: ({ bytes }) => formatBytes(BigInt(bytes)) },
        { title: 'done', align: 'right', cell: ({ bytes, bytesDone }) => (bytes === 0 ? '-' : `${Math.min(100, Math.floor((100 * bytesDone) / bytes))} %`) },
        { title: 'rate', align: 'right', cell: rateText },
        { title: 'left', align: 'right', cell: ({ etaMs }) => (etaMs === null ? '-' : formatDuration(etaMs)) },
        { title: 'age', align: 'right', cell: ({ startedAt }) => since(startedAt, nowMs) },
      ]),
    );
    for (const row of tasks) for (const line of remarkLines(row, nowMs)) print(line);
  }
  for (const row of outboxes) print(outboxLine(row, nowMs));
}

/** `bw-bkup tasks cancel ID`: puts on record that it is cancelled. Only workers talk to long-term storage: the one that looks after it does the rest. */
export async function tasksCancelCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const store = new TaskStore(session.queues.redis);
    const live = findTask(await store.all(), name);
    const { task, holder } = live;
    if (task.state === 'verifying') throw isOver(task);
    const wish = await store.wishCancel(task.id, operatorName() ?? 'an operator');
    if (wish === 'over') throw notAlive(name);
    const { id, lts, host, state } = task;
    const followed = holder !== null;
    if (options.json === true) printJson(taskCancelOutput, { v: 1, id, lts, host, name: taskName(task), state, already: wish === 'already', followed });
    else print(sentence(session, live, wish));
    return EXIT.ok;
  });
}

function sentence({ config }: Session, { task, holder, cancelledBy }: LiveTask, wish: 'wished' | 'already'): string {
  const { id, lts, host } = task;
  const what = wish === 'already' ? `was cancelled before${cancelledBy === null ? '' : ` by ${cancelledBy}`}, which is not through yet` : 'is cancelled';
  const isKnown = config.lts.some(({ name }) => name === lts);
  const unheld = isKnown ? `No worker looks after it now: the next one on ${host} does that, or any other when that host is gone.` : `${lts} is not configured: it takes a worker with ${lts} in its configuration.`;
  const who = holder === null ? unheld : `The worker that looks after it does that within seconds, or as soon as ${lts} answers.`;
  return `Task ${id} (${taskName(task)}) to ${lts} ${what}. ${who} What it has not brought by then goes with another task: ${plural(task.items, 'file')}, ${formatBytes(BigInt(task.bytes))} in all. To stop what it is of: bw-bkup cancel BACKUP`;
}

/** By the first letters of its id, or as its service calls it (pure). Throws NOT_RUNNING, BACKUP_AMBIGUOUS. */
export function findTask(tasks: readonly LiveTask[], name: string): LiveTask {
  const isMeant = ({ task }: LiveTask): boolean => (name.length >= SHORTEST && task.id.startsWith(name.toUpperCase())) || Object.values(task.handle ?? {}).includes(name);
  const found = tasks.filter(isMeant);
  if (found.length > 1) throw ambiguous(name, found.map(({ task }) => task));
  const [live] = found;
  if (live === undefined) throw notAlive(name);
  return live;
}

function notAlive(name: string): BwError {
  return new BwError('NOT_RUNNING', {
    message: 'no transfer task with this id is alive: it is over, and what it had not brought went with another, or there never was one',
    subject: name,
    retry: 'permanent',
    hint: 'See `bw-bkup tasks list` for those that are alive.',
  });
}

function isOver(task: TaskRecord): BwError {
  return new BwError('NOTHING_TO_CANCEL', {
    message: 'the task is over at its service: what it brought is being put on record, and what it did not bring goes again',
    subject: `task ${task.id} (${taskName(task)})`,
    retry: 'permanent',
    hint: 'Nothing to do: see `bw-bkup tasks list`.',
  });
}
