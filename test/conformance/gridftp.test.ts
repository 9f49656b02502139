import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createLimiter } from '../../shared/transfer/bandwidth.js';
import { createGridftpBackend } from '../../shared/transfer/gridftp/gridftp-backend.js';
import { GRIDFTP_PROGRAMS, guestDirectory, hasGridftp, startGridftpServer, type GridftpTestServer } from '../helpers/gridftp-server.js';
import { needs } from '../helpers/needs.js';
import { describeBackend } from './backend-suite.js';
import { allFiles, flipBit } from './stored-files.js';

describe.each(['anonymous', 'gsi'] as const)('gridftp, %s', (kind) => {
  if (!hasGridftp()) {
    it('keeps the contract', (context) => { needs(context, false, GRIDFTP_PROGRAMS); });
    return;
  }
  let dir = '';
  let running: GridftpTestServer | null = null;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bw-test-gridftp-'));
    running = await startGridftpServer(dir, kind);
  });
  afterAll(async () => {
    await running?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  describeBackend(`gridftp, ${kind}`, async (store) => {
    await guestDirectory(store);
    if (running === null) throw new Error('the server did not start');
    const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
    return {
      backend: createGridftpBackend({ name: 'grid', server: running.server, dir: store, auth: running.auth, parallel: 4, concurrent: 2, bandwidth }),
      damage: (object) => flipBit(join(store, object)),
      truncate: (object) => truncate(join(store, object), 10),
      everything: () => allFiles(store),
    };
  }, kind === 'gsi' && process.env['BW_LONG_TESTS'] === undefined ? ['sending', 'verifying and fetching'] : undefined); // a handshake takes 0.3 s
});
