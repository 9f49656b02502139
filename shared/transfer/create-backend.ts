import { join } from 'node:path';
import type { Config, LtsConfig } from '../config/config.js';
import { sharedBandwidth } from './bandwidth.js';
import type { TransferBackend } from './backend.js';
import { createGlobusBackend } from './globus/globus-backend.js';
import { createGridftpBackend } from './gridftp/gridftp-backend.js';
import { createPosixBackend } from './posix/posix-backend.js';
import { createRcloneBackend } from './rclone/rclone-backend.js';

/** The backends of all configured LTS, in their order. Nothing is touched before the first use of one; `probe` tells whether it is usable. */
export function createBackends(config: Pick<Config, 'lts' | 'host' | 'staging'>): TransferBackend[] {
  return config.lts.map((lts) => createBackend(lts, config));
}

function createBackend(lts: LtsConfig, { host, staging }: Pick<Config, 'host' | 'staging'>): TransferBackend {
  const bandwidth = sharedBandwidth(lts.name, lts.bandwidthBytesPerSecond);
  if (lts.backend === 'rclone') return createRcloneBackend({ name: lts.name, dir: lts.dir, tape: lts.tape, ...lts.rclone, bandwidth });
  if (lts.backend === 'globus') {
    // Beside the hosts' parts of staging, and hidden like nothing of theirs: nobody sweeps it.
    return createGlobusBackend({ name: lts.name, dir: lts.dir, ...lts.globus, host, scratchDir: join(staging.dir, `.globus-${host}`) });
  }
  if (lts.backend === 'gridftp') {
    const { server, auth, streams, concurrent } = lts.gridftp;
    return createGridftpBackend({ name: lts.name, dir: lts.dir, server, auth, parallel: streams, concurrent, bandwidth });
  }
  return createPosixBackend({ name: lts.name, dir: lts.dir, bandwidth });
}
