import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { toBwError } from '../errors/bw-error.js';

/** What this module logs with; pino fits. Messages are static, the rest stands in the fields. */
export interface HttpLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** The one shape of an error on the wire. */
export function sendError(response: Response, status: number, error: ErrorBody): void {
  response.status(status).json({ error });
}

export const notFound: RequestHandler = (_request, response) => {
  sendError(response, 404, { code: 'HTTP_NOT_FOUND', message: 'there is nothing here', hint: 'Known paths: /healthz, /readyz, /metrics; on the producer also /queues.' });
};

/**
 * Faults of the client keep their status (body too large, broken encoding); ours are logged in full and
 * answered without details.
 */
export function errorHandler(logger: HttpLogger): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    const status = clientStatus(thrown);
    // Only the path: a query may hold a token.
    if (status === null) logger.error({ err: toBwError(thrown), method: request.method, path: request.path }, 'request failed');
    if (response.headersSent) {
      next(thrown); // express ends the connection: the answer cannot be taken back
      return;
    }
    if (status === null) sendError(response, 500, { code: 'HTTP_INTERNAL', message: 'internal error', hint: 'Look at the log of this process.' });
    else sendError(response, status, { code: 'HTTP_BAD_REQUEST', message: 'the request cannot be read', hint: 'Check its path, headers and body.' });
  };
}

/** The 4xx status that body parsers and the router give their errors; null for everything else. */
function clientStatus(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('status' in thrown) || typeof thrown.status !== 'number') return null;
  return thrown.status >= 400 && thrown.status < 500 ? thrown.status : null;
}
