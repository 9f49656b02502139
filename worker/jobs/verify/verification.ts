import type { Manifest } from '../../../shared/catalog/manifest.js';
import type { StateLayer } from '../../../shared/index/state.js';
import type { VerifyJob } from '../../../shared/queues/job-data.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../context.js';
import type { Findings } from './findings.js';

/** What the parts of one verification work with. */
export interface Verification {
  readonly context: WorkerContext;
  readonly job: VerifyJob;
  /** The full first. */
  readonly chain: readonly Manifest[];
  readonly layers: readonly StateLayer[];
  readonly findings: Findings;
  /** Storages whose objects may be read: without recall, not those on tape. */
  readonly readable: readonly TransferBackend[];
  /** The context, of these storages only. */
  readonly reading: WorkerContext;
  readonly isTape: (lts: string) => boolean;
  readonly signal: AbortSignal;
}
