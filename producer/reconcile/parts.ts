import type { Logger } from 'pino';
import type { Catalog } from '../../shared/catalog/index.js';
import type { Config } from '../../shared/config/config.js';
import type { FailRunParts } from '../../shared/runs/fail-run.js';

/** What all reconciling works with. */
export interface ReconcileParts extends FailRunParts {
  readonly config: Pick<Config, 'host' | 'topdirs' | 'lts' | 'policyHash' | 'staging' | 'deadLetters'>;
  readonly catalog: Catalog;
  readonly logger: Logger;
}

/** Runs that have not ended. */
export function isOpen(run: { readonly phase: string } | null): boolean {
  return run !== null && run.phase !== 'done' && run.phase !== 'failed';
}
