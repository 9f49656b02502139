import type { Config, LtsConfig } from '../config/config.js';
import { sharedBandwidth } from './bandwidth.js';
import type { TransferBackend } from './backend.js';
import { createGridftpBackend } from './gridftp/gridftp-backend.js';
import { createPosixBackend } from './posix/posix-backend.js';
import { createRcloneBackend } from './rclone/rclone-backend.js';

/** The backends of all configured LTS, in their order. Nothing is touched before the first use of one; `probe` tells whether it is usable. */
export function createBackends(config: Pick<Config, 'lts' | 'host' | 'staging'>): TransferBackend[] {
  return config.lts.map(createBackend);
}

function createBackend(lts: LtsConfig): TransferBackend {
  const bandwidth = sharedBandwidth(lts.name, lts.bandwidthBytesPerSecond);
  if (lts.backend === 'rclone') return createRcloneBackend({ name: lts.name, dir: lts.dir, tape: lts.tape, ...lts.rclone, bandwidth });
  if (lts.backend === 'gridftp') {
    const { server, auth, streams, concurrent } = lts.gridftp;
    return createGridftpBackend({ name: lts.name, dir: lts.dir, server, auth, parallel: streams, concurrent, bandwidth });
  }
  return createPosixBackend({ name: lts.name, dir: lts.dir, bandwidth });
}
