import { createServer, type Server } from 'node:http';
import express, { type Express, type RequestHandler } from 'express';
import type { Metrics } from '../metrics/index.js';
import { CheckList, type Check } from './checks.js';
import { errorHandler, notFound, type HttpLogger } from './error-body.js';
import { watchEventLoop } from './event-loop.js';
import { securityHeaders } from './headers.js';
import { isLoopback, listen } from './listen.js';

export interface HttpServerOptions {
  /** Address to listen on; anything but loopback is warned about. */
  readonly bind: string;
  /** 0 = any free one. */
  readonly port: number;
  /** /healthz: what, broken, only a restart mends. The event loop is always reported. */
  readonly health: Readonly<Record<string, Check>>;
  /** /readyz: what must work for this process to do its job. */
  readonly ready: Readonly<Record<string, Check>>;
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
  /** Adds routes (the board) before the 404. */
  readonly extend?: (app: Express) => void;
  readonly logger: HttpLogger;
  /** Deadline of each check. Default 2000. */
  readonly checkTimeoutMs?: number;
  /** close() waits this long for answers under way. Default 5000. */
  readonly closeGraceMs?: number;
}

export interface HttpServer {
  readonly port: number;
  /** Takes no new connection, lets answers under way finish, ends all sockets. May be called twice. */
  close(): Promise<void>;
}

const CHECK_TIMEOUT_MS = 2_000;
const CLOSE_GRACE_MS = 5_000;
/** Slow clients must not hold sockets: our requests are a few hundred bytes. */
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Serves /healthz, /readyz and /metrics, and what `extend` adds.
 * Throws HTTP_PORT_IN_USE, HTTP_PORT_FORBIDDEN, HTTP_BIND_FAILED.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const eventLoop = watchEventLoop();
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
  const ending = endSocketsOnClose(server);
  server.on('request', createApp(options, ending.watch, () => eventLoop.read()));
  const port = await listen(server, options.bind, options.port).catch((thrown: unknown) => {
    eventLoop.stop();
    throw thrown;
  });
  announce(options, port);
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    eventLoop.stop();
    await ending.close(options.closeGraceMs ?? CLOSE_GRACE_MS);
  };
  return { port, close: () => (closed ??= close()) };
}

function createApp(options: HttpServerOptions, watch: RequestHandler, eventLoop: Check): Express {
  const timeoutMs = options.checkTimeoutMs ?? CHECK_TIMEOUT_MS;
  const app = express();
  app.disable('x-powered-by');
  app.use(watch, securityHeaders);
  app.get('/healthz', report(new CheckList({ eventLoop, ...options.health }, timeoutMs)));
  app.get('/readyz', report(new CheckList(options.ready, timeoutMs)));
  app.get('/metrics', async (_request, response) => {
    const text = await options.metrics.render();
    response.set('Content-Type', options.metrics.contentType).send(text);
  });
  options.extend?.(app);
  app.use(notFound);
  app.use(errorHandler(options.logger));
  return app;
}

function report(checks: CheckList): RequestHandler {
  return async (_request, response) => {
    const result = await checks.run();
    response.status(result.ok ? 200 : 503).json(result);
  };
}

/** Keep-alive sockets end with the answer they wait for, not with their idle timeout. */
function endSocketsOnClose(server: Server): { watch: RequestHandler; close(graceMs: number): Promise<void> } {
  let closing = false;
  const endIdle = (): void => {
    if (closing) server.closeIdleConnections();
  };
  const watch: RequestHandler = (_request, response, next) => {
    // The socket counts as idle only after the response is torn down, one turn later.
    response.once('close', () => setImmediate(endIdle));
    next();
  };
  const close = async (graceMs: number): Promise<void> => {
    closing = true;
    const cut = setTimeout(() => {
      server.closeAllConnections();
    }, graceMs);
    await new Promise((resolve) => server.close(resolve)); // also ends idle sockets
    clearTimeout(cut);
  };
  return { watch, close };
}

function announce({ bind, logger }: HttpServerOptions, port: number): void {
  logger.info({ bind, port }, 'http server listens');
  if (isLoopback(bind)) return;
  logger.warn({ bind, port }, 'http server is reachable from other hosts: /metrics and /readyz need no token');
}
