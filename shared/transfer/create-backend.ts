import type { LtsConfig } from '../config/config.js';
import { sharedBandwidth } from './bandwidth.js';
import type { TransferBackend } from './backend.js';
import { createPosixBackend } from './posix/posix-backend.js';

/** The backend of a configured LTS. Nothing is touched before its first use; `probe` tells whether it is usable. */
export function createBackend(lts: Omit<LtsConfig, 'tape'>): TransferBackend {
  return createPosixBackend({
    name: lts.name,
    dir: lts.dir,
    bandwidth: sharedBandwidth(lts.name, lts.bandwidthBytesPerSecond),
  });
}
