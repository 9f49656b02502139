import type { PauseInfo, Task, TaskEvent } from './answers.js';
import { eventFault, type FaultName } from './faults.js';

/** Where a task stands, for us. `stuck` = ACTIVE, but nothing comes of it: it is to be cancelled. */
export interface Judgement {
  readonly state: 'queued' | 'running' | 'stalled' | 'paused' | 'needs-operator' | 'stuck' | 'succeeded' | 'failed' | 'cancelled';
  readonly fault?: FaultName;
  /** What Globus says. */
  readonly detail?: string;
}

export interface JudgeOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** An error that waiting does not mend is given up after this long. */
  readonly stuckAfterMs: number;
}

const FINE: ReadonlySet<string> = new Set(['OK', 'Queued']);

/** Whether the errors of a task have to be read to judge it: while all is well that call is spared. */
export function needsErrors(task: Task): boolean {
  return task.status === 'FAILED' || (task.status === 'ACTIVE' && !task.is_paused && !FINE.has(task.nice_status ?? 'OK'));
}

/** What a task, with its error events (newest first), amounts to (pure). */
export function judgeTask(task: Task, errors: readonly TaskEvent[], options: JudgeOptions): Judgement {
  const told = task.nice_status_details ?? task.nice_status ?? undefined;
  switch (task.status) {
    case 'SUCCEEDED':
      return { state: 'succeeded' };
    case 'FAILED':
      return judgeFailed(task, errors, options);
    case 'INACTIVE':
      return { state: 'needs-operator', fault: 'inactive', ...detailOf(told) };
    case 'ACTIVE':
      if (task.is_paused) return { state: 'paused', fault: 'paused' };
      if (task.nice_status === 'Queued') return { state: 'queued' };
      return needsErrors(task) ? judgeErrors(task.nice_status ?? '', errors, options) : { state: 'running' };
  }
}

function judgeErrors(nice: string, errors: readonly TaskEvent[], { now, stuckAfterMs }: JudgeOptions): Judgement {
  const trouble = newestTrouble(errors);
  const code = trouble?.code ?? nice;
  const known = eventFault(code);
  if (known === null) return { state: 'running' };
  const detail = trouble === null ? nice : describe(trouble.event);
  const stuck = known.follows === 'stuck' && trouble !== null && now - trouble.since >= stuckAfterMs;
  return { state: stuck ? 'stuck' : 'stalled', fault: known.fault, detail };
}

function judgeFailed(task: Task, errors: readonly TaskEvent[], { now, stuckAfterMs }: JudgeOptions): Judgement {
  if (task.canceled_by_admin !== null && task.canceled_by_admin !== undefined) {
    return { state: 'failed', fault: 'removedByAdmin', ...detailOf(task.canceled_by_admin_message ?? task.canceled_by_admin) };
  }
  const code = task.fatal_error?.code ?? 'CANCELED';
  const trouble = newestTrouble(errors);
  if (code === 'CANCELED') {
    // Whoever cancelled it as stuck may be gone: what it was stuck at is why. Half the time: the clocks of the service and of hosts differ.
    const ended = timeOf(task.completion_time) ?? now;
    const known = trouble === null ? null : eventFault(trouble.code);
    if (trouble === null || known?.follows !== 'stuck' || ended - trouble.since < stuckAfterMs / 2) return { state: 'cancelled' };
    return { state: 'failed', fault: known.fault, detail: describe(trouble.event) };
  }
  // That its time was up says nothing: what it was trying all the time does.
  if (code === 'EXPIRED') {
    const before = newestTrouble(errors.filter((event) => event.code !== 'EXPIRED'));
    if (before !== null) return { state: 'failed', fault: eventFault(before.code)?.fault ?? 'io', detail: `EXPIRED: ${task.fatal_error?.description ?? ''}\n${describe(before.event)}` };
  }
  const known = eventFault(code) ?? (trouble === null ? null : eventFault(trouble.code));
  const said = `${code}: ${task.fatal_error?.description ?? ''}`;
  return { state: 'failed', fault: known?.fault ?? 'io', detail: trouble === null || trouble.code === code ? said : `${said}\n${describe(trouble.event)}` };
}

/** The newest error, and since when there was no other one. */
function newestTrouble(errors: readonly TaskEvent[]): { code: string; since: number; event: TaskEvent } | null {
  const troubles = errors.filter(({ code }) => eventFault(code) !== null);
  const [newest] = troubles;
  if (newest === undefined) return null;
  const change = troubles.findIndex(({ code }) => code !== newest.code);
  const first = troubles[(change === -1 ? troubles.length : change) - 1] ?? newest;
  return { code: newest.code, since: timeOf(first.time) ?? 0, event: newest };
}

function describe({ code, time, description, details }: TaskEvent): string {
  return [`${code} at ${time}${description === null || description === undefined ? '' : `: ${description}`}`, details ?? ''].filter((line) => line !== '').join('\n');
}

/** Fixtures of the service have `2026-05-14T16:49:11+00:00`, and a blank instead of the T in older ones. */
function timeOf(text: string | null | undefined): number | null {
  const ms = text === null || text === undefined ? NaN : Date.parse(text.replace(' ', 'T'));
  return Number.isNaN(ms) ? null : ms;
}

function detailOf(detail: string | undefined): { detail?: string } {
  return detail === undefined ? {} : { detail };
}

/** What administrators say about a pause. */
export function pauseText(info: PauseInfo): string {
  const all = [info.message, info.source_pause_message, info.destination_pause_message, ...info.pause_rules.map(({ message }) => message)];
  return [...new Set(all.filter((text) => text !== null && text !== undefined && text !== ''))].join('; ');
}
