import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { LogRecord, TaskRecord, TokenRecord } from './records.js';

/** Everything the service knows, in memory and as an append-only log of JSON lines; a line is written before anybody is told. */
export class Store {
  readonly tokens = new Map<string, TokenRecord>();
  /** In the order of submission. */
  readonly tasks = new Map<string, TaskRecord>();
  readonly bySubmission = new Map<string, TaskRecord>();
  readonly #log: number;

  constructor(stateDir: string) {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const file = join(stateDir, 'globus-log.jsonl');
    if (existsSync(file)) this.#replay(file);
    this.#log = openSync(file, 'a', 0o600);
  }

  commit(record: LogRecord): void {
    writeSync(this.#log, `${JSON.stringify(record)}\n`);
    this.#apply(record);
  }

  close(): void {
    closeSync(this.#log);
  }

  /** A last line without its end was being written when the process was killed: nobody was told, so it never was. */
  #replay(file: string): void {
    const text = readFileSync(file, 'utf8');
    const whole = text.lastIndexOf('\n') + 1;
    if (whole < text.length) truncateSync(file, Buffer.byteLength(text.slice(0, whole)));
    for (const line of text.slice(0, whole).split('\n')) {
      if (line !== '') this.#apply(JSON.parse(line) as LogRecord);
    }
  }

  #apply(record: LogRecord): void {
    if (record.t === 'token') {
      this.tokens.set(record.token.hash, record.token);
      return;
    }
    if (record.t === 'task') {
      this.tasks.set(record.task.id, record.task);
      this.bySubmission.set(`${record.task.owner} ${record.task.submissionId}`, record.task);
      return;
    }
    const task = this.tasks.get(record.id);
    if (task === undefined) throw new Error(`log of the Globus simulator: no task ${record.id}`);
    if (record.t === 'set') Object.assign(task, record.set);
    else if (record.t === 'more') task.items.push(...record.items);
    else if (record.t === 'skip') task.skipped.push(record.skipped);
    else if (record.t === 'event') task.events.push(record.event);
    else for (const [index, state, size, sum] of record.changes) Object.assign(task.items[index] ?? {}, { state, size, sum });
  }
}
