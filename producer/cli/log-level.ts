import type { LogLevel } from '../../shared/config/config.js';
import type { SourceKind } from '../../shared/config/layers.js';

const BY_SEVERITY: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/**
 * What a command of a person logs: warnings and worse, because its own words say how it goes. A level in the file is meant for the
 * daemons and counts only where it is quieter; one given for this very call (flag, environment) is obeyed; `--verbose` shows what daemons show.
 */
export function commandLevel(configured: LogLevel, source: SourceKind, verbose: boolean): LogLevel {
  if (source === 'flag' || source === 'env') return configured;
  if (verbose) return lessSevere(configured, 'info');
  return lessSevere(configured, 'warn') === configured ? 'warn' : configured;
}

function lessSevere(a: LogLevel, b: LogLevel): LogLevel {
  return BY_SEVERITY.indexOf(a) <= BY_SEVERITY.indexOf(b) ? a : b;
}
