import { hostname } from 'node:os';
import { pino, type DestinationStream, type Logger } from 'pino';
import { pretty as createPretty } from './pretty-stream.js';
import { maskSecretText } from './redact.js';
import { serializeError } from './serialize-error.js';
import { serializePath } from './serialize-path.js';
import type { LogLevel } from '../config/config.js';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** auto: pretty where logs go to a terminal, else JSON. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** Name of this host; default os.hostname(). */
  readonly host?: string;
  /** What of bw-bkup is speaking: `producer`, `worker`, `cli`, `standalone`. */
  readonly component?: string;
  /** Where lines go; default standard error: standard output is for what a command was asked for. */
  readonly destination?: DestinationStream;
  /** Whether the destination is a terminal; default of standard error. */
  readonly isTerminal?: boolean;
}

/** Ids a line can carry so that all that happened to one thing can be found. */
export interface LogBindings {
  readonly component?: string;
  readonly backupId?: string;
  readonly basepathId?: string;
  readonly shard?: number;
  readonly jobId?: string;
  readonly restoreId?: string;
}

/**
 * One JSON object per line (or coloured text for people), written synchronously so that the last line before a
 * crash is there. `err` and `error` fields show a BwError with code, retry, hint and causes; `path` and `readFrom`
 * fields are BytePaths and come out printable; secrets are masked wherever they stand.
 */
export function createLogger(options: LoggerOptions): Logger {
  const terminal = options.isTerminal ?? process.stderr.isTTY;
  const pretty = options.format === 'pretty' || (options.format === 'auto' && terminal);
  const destination = options.destination ?? pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level: options.level,
      base: { host: options.host ?? hostname(), pid: process.pid, component: options.component ?? 'bw-bkup' },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: serializeError, error: serializeError, path: serializePath, readFrom: serializePath },
      formatters: { level: (label) => ({ level: label }) },
      // Not pino's `redact`: it knows paths, and secrets also come in messages, stacks and child bindings.
      hooks: { streamWrite: maskSecretText },
    },
    pretty ? createPretty(destination, terminal) : destination,
  );
}

/** The same logger with ids in every line. */
export function childLogger(logger: Logger, bindings: LogBindings): Logger {
  return logger.child(bindings);
}
