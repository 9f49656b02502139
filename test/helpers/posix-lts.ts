import { createLimiter } from '../../shared/transfer/bandwidth.js';
import type { TransferBackend } from '../../shared/transfer/backend.js';
import { createPosixBackend } from '../../shared/transfer/posix/posix-backend.js';

/** The backend of a directory as long-term storage, unlimited. */
export function posixLts(dir: string, name = 'disk'): TransferBackend {
  return createPosixBackend({ name, dir, bandwidth: { write: createLimiter(null), read: createLimiter(null) } });
}
