import { inspect } from 'node:util';
import { BwError } from '../errors/bw-error.js';

/** Causes beyond this are repetition. */
const MAX_CAUSES = 8;

export interface SerializedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly retry?: string;
  readonly hint?: string;
  readonly subject?: string;
  readonly detail?: string;
  readonly stack?: string;
  /** Innermost last. */
  readonly causes?: readonly SerializedError[];
}

/** Whatever was thrown as log fields: the decision of a BwError, and every cause below it (once, loops are cut). */
export function serializeError(thrown: unknown): SerializedError {
  const causes: SerializedError[] = [];
  const seen = new Set<unknown>([thrown]);
  for (let cause = causeOf(thrown); cause !== undefined && !seen.has(cause) && causes.length < MAX_CAUSES; cause = causeOf(cause)) {
    seen.add(cause);
    causes.push(fieldsOf(cause));
  }
  return causes.length === 0 ? fieldsOf(thrown) : { ...fieldsOf(thrown), causes };
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof Error ? (thrown.cause ?? undefined) : undefined;
}

function fieldsOf(thrown: unknown): SerializedError {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: typeof thrown === 'string' ? thrown : inspect(thrown, { breakLength: Infinity }) };
  const base = { type: thrown.name, message: thrown.message, ...(thrown.stack === undefined ? {} : { stack: thrown.stack }) };
  if (!(thrown instanceof BwError)) return 'code' in thrown && typeof thrown.code === 'string' ? { ...base, code: thrown.code } : base;
  const { code, retry, hint, subject, detail } = thrown;
  return { ...base, code, retry, hint, ...(subject === undefined ? {} : { subject }), ...(detail === undefined ? {} : { detail }) };
}
