import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { sendSignal } from '../../../shared/process/active-children.js';
import { createLimiter } from '../../../shared/transfer/bandwidth.js';
import { createGridftpBackend } from '../../../shared/transfer/gridftp/gridftp-backend.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { GRIDFTP_PROGRAMS, hasGridftp, untilGreets } from '../../helpers/gridftp-server.js';
import { needs } from '../../helpers/needs.js';
import { freePort } from '../../helpers/redis-server.js';
import { workspace } from '../../helpers/workspace.js';

it('npm run gridftp-server serves a directory that the backend can use', async (context) => {
  needs(context, hasGridftp(), GRIDFTP_PROGRAMS);
  const above = await workspace();
  await chmod(above, 0o711);
  const port = await freePort();
  const child = spawn('sh', ['deploy/gridftp-server.sh', join(above, 'far'), String(port)], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  onTestFinished(async () => {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
    if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
    await exited;
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line') as [string];
  expect(line).toBe(`gridftp-server: ftp://127.0.0.1:${port}${above}/far (Ctrl-C ends it)`);
  child.stderr.resume();
  await untilGreets(port, child); // it says where it will be before it listens
  const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
  const backend = createGridftpBackend({ name: 'far', server: { scheme: 'ftp', host: '127.0.0.1', port }, dir: join(above, 'far'), auth: { kind: 'anonymous' }, parallel: 4, concurrent: 2, bandwidth });
  const item = await sampleItem(await workspace(), 'a/b', sampleBytes(1000));
  await backend.submit('k', [item]);
  expect(await backend.verify(item)).toBe('match');
});
