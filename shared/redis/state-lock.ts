import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { createServer } from 'node:net';

/**
 * Makes this process the owner of a state directory until it releases it or dies; null when another process is. An abstract
 * socket: taken atomically, and freed by the kernel however the owner ends, so it is never stale.
 */
export async function lockState(stateDir: string): Promise<{ release(): Promise<void> } | null> {
  const name = createHash('sha256').update(await realpath(stateDir)).digest('hex').slice(0, 32);
  const server = createServer();
  server.unref();
  const taken = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(`\0bw-bkup:${name}`, () => { resolve(true); });
  });
  if (!taken) return null;
  return { release: () => new Promise((resolve) => server.close(() => { resolve(); })) };
}
