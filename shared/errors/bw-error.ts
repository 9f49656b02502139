import { knownCause } from './known-causes.js';

/** What may happen after an error: try again, never again, or wait until an operator acted. */
export type Retry = 'retry' | 'permanent' | 'operator';

export interface BwErrorFields {
  /** What happened, in one sentence. */
  readonly message: string;
  readonly retry: Retry;
  /** What the operator can do now. */
  readonly hint: string;
  /** Path, job, backup or file it happened to (already printable). */
  readonly subject?: string;
  readonly cause?: unknown;
  /** Raw evidence: program output, expected and found values. */
  readonly detail?: string;
}

/**
 * The one error of this product that carries a decision. `code` is stable (operators write
 * alert rules on it); everything else may be reworded.
 */
export class BwError extends Error {
  readonly code: string;
  readonly retry: Retry;
  readonly hint: string;
  readonly subject: string | undefined;
  readonly detail: string | undefined;

  constructor(code: string, fields: BwErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'BwError';
    this.code = code;
    this.retry = fields.retry;
    this.hint = fields.hint;
    this.subject = fields.subject;
    this.detail = fields.detail;
  }
}

/** Wraps anything thrown into a BwError, keeping the original as cause. */
export function toBwError(thrown: unknown): BwError {
  if (thrown instanceof BwError) return thrown;
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
  const known = knownCause(cause);
  if (known !== null) return new BwError(known.code, { ...known, cause });
  return new BwError('UNEXPECTED', {
    message: cause.message,
    retry: 'retry',
    hint: 'This is not a known failure: look at the log and report it with its stack.',
    cause,
  });
}

/** The lines an operator sees: code, what happened, to what, what to do. */
export function formatError(error: BwError): string {
  const subject = error.subject === undefined ? '' : ` [${error.subject}]`;
  const detail = error.detail === undefined ? '' : `\n  ${error.detail.split('\n').join('\n  ')}`;
  return `${error.code}: ${error.message}${subject}${detail}\n  -> ${error.hint}`;
}
