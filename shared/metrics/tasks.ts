import type { LtsTasks } from '../tasks/figures.js';
import type { HostOutbox } from '../tasks/read-outboxes.js';
import type { Instruments, Sample } from './instruments.js';

/** Transfers of asynchronous LTS, and what waits for one. */
export interface TaskFigures {
  readonly tasks: readonly LtsTasks[];
  readonly outboxes: readonly HostOutbox[];
  /** By the clock that `sinceMs` of an outbox is told by. */
  readonly nowMs: number;
}

export const TASK_GAUGES = [
  'bw_tasks', 'bw_tasks_need_operator', 'bw_task_bytes', 'bw_task_files', 'bw_task_bytes_per_second', 'bw_task_age_seconds', 'bw_task_unmoved_seconds',
  'bw_outbox_files', 'bw_outbox_bytes', 'bw_outbox_age_seconds', 'bw_outbox_host_gone',
] as const;

export function publishTasks(to: Instruments, { tasks, outboxes, nowMs }: TaskFigures): void {
  const ofLts = (value: (row: LtsTasks) => number): Sample<{ readonly lts: string }>[] => tasks.map((row) => ({ labels: { lts: row.lts }, value: value(row) }));
  const byState = (values: (row: LtsTasks) => Readonly<Record<string, number>>): Sample<{ readonly lts: string; readonly state: string }>[] =>
    tasks.flatMap((row) => Object.entries(values(row)).map(([state, value]) => ({ labels: { lts: row.lts, state }, value })));
  const ofOutbox = (value: (row: HostOutbox) => number): Sample<{ readonly lts: string; readonly staged_on: string }>[] =>
    outboxes.map((row) => ({ labels: { lts: row.lts, staged_on: row.host }, value: value(row) }));
  to.replace('bw_tasks', byState(({ states }) => states));
  to.replace('bw_tasks_need_operator', ofLts(({ needOperator }) => needOperator));
  to.replace('bw_task_bytes', byState(({ bytes }) => ({ ...bytes })));
  to.replace('bw_task_files', byState(({ files }) => ({ ...files })));
  to.replace('bw_task_bytes_per_second', ofLts(({ bytesPerSecond }) => bytesPerSecond));
  to.replace('bw_task_age_seconds', ofLts(({ oldestMs }) => oldestMs / 1000));
  to.replace('bw_task_unmoved_seconds', ofLts(({ unmovedMs }) => unmovedMs / 1000));
  to.replace('bw_outbox_files', ofOutbox(({ files }) => files));
  to.replace('bw_outbox_bytes', ofOutbox(({ bytes }) => bytes));
  to.replace('bw_outbox_age_seconds', ofOutbox(({ sinceMs }) => Math.max(0, nowMs - (sinceMs ?? nowMs)) / 1000));
  to.replace('bw_outbox_host_gone', ofOutbox(({ hostIsGone }) => Number(hostIsGone)));
}
