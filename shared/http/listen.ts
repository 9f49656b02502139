import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BwError, toBwError } from '../errors/bw-error.js';

/** True for addresses only this host can reach. */
export function isLoopback(bind: string): boolean {
  return bind === 'localhost' || bind === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bind);
}

/**
 * Binds and returns the port (port 0 = any free one).
 * Throws HTTP_PORT_IN_USE, HTTP_PORT_FORBIDDEN, HTTP_BIND_FAILED.
 */
export async function listen(server: Server, bind: string, port: number): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: bind, port, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (thrown) {
    throw bindError(thrown, bind, port);
  }
  return (server.address() as AddressInfo).port;
}

const CAUSES: Readonly<Record<string, { readonly code: string; readonly message: string; readonly hint: string }>> = {
  EADDRINUSE: {
    code: 'HTTP_PORT_IN_USE',
    message: 'another process listens on this port',
    hint: 'See which one with `ss -ltnp`; stop it, or set another http port (0 = any free one).',
  },
  EACCES: {
    code: 'HTTP_PORT_FORBIDDEN',
    message: 'this user may not listen on this port',
    hint: 'Use a port above 1023 in the http settings.',
  },
};

function bindError(thrown: unknown, bind: string, port: number): BwError {
  const cause = toBwError(thrown).cause ?? thrown;
  const known = CAUSES[(cause as NodeJS.ErrnoException).code ?? ''] ?? {
    code: 'HTTP_BIND_FAILED',
    message: 'the HTTP server cannot listen on this address',
    hint: 'Set http.bind to an address of this host (127.0.0.1 for this host only).',
  };
  return new BwError(known.code, { ...known, subject: `${bind}:${port}`, retry: 'operator', cause });
}
