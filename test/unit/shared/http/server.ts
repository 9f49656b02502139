import { onTestFinished } from 'vitest';
import { startHttpServer, type HttpServer, type HttpServerOptions } from '../../../../shared/http/index.js';
import { createMetrics } from '../../../../shared/metrics/index.js';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

export interface TestServer extends HttpServer {
  readonly url: string;
  readonly log: readonly LogLine[];
}

/** A server on a free port, closed when the test ends. */
export async function serve(options: Partial<HttpServerOptions> = {}): Promise<TestServer> {
  const log: LogLine[] = [];
  const write = (level: LogLine['level']) => (fields: object, message: string) => void log.push({ level, fields, message });
  const server = await startHttpServer({
    bind: '127.0.0.1',
    port: 0,
    health: {},
    ready: {},
    metrics: createMetrics({ host: 'ie1', component: 'test' }),
    logger: { info: write('info'), warn: write('warn'), error: write('error') },
    ...options,
  });
  onTestFinished(() => server.close());
  return { ...server, url: `http://127.0.0.1:${server.port}`, log };
}
