import type { Manifest } from '../../../shared/catalog/manifest.js';
import type { StateRecord } from '../../../shared/index/state.js';

/** index.racyWindow of the design: timestamps are trustworthy only some time after the fact. */
const RACY_WINDOW_SECONDS = 60;

/** Of each record, because every backup of a chain had a scan of its own: see VerifyOptions (pure). */
export function racySinceOf(chain: readonly Pick<Manifest, 'backupId' | 'capturedAt'>[]): (record: Pick<StateRecord, 'seenIn'>) => number {
  const since = new Map(chain.map(({ backupId, capturedAt }) => [backupId, Date.parse(capturedAt) / 1000 - RACY_WINDOW_SECONDS]));
  return ({ seenIn }) => since.get(seenIn) ?? 0;
}
