import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, badRequest } from './api-error.js';
import { callerOf, tokenAnswer, type Answer } from './auth.js';
import type { Context } from './context.js';
import { FileOperations } from './file-operations.js';
import { RateLimit } from './rate-limit.js';
import type { Scheduler } from './scheduler.js';
import { submitDelete, submitTransfer } from './submit.js';
import type { Fault } from './switches.js';
import { TaskApi, type Call } from './task-api.js';

/** Larger submissions are refused; where the service stops is not known. */
const MAX_BODY = 64 * 1024 * 1024;
const BASE = '/v0.10';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

type Handler = (call: Call) => Record<string, unknown>;
interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly handler: Handler;
  /** Of success. */
  readonly status?: (body: Record<string, unknown>) => number;
}

/** The HTTP side: authentication, metering, routes and what the fault switches do to a call. */
export class ApiServer {
  readonly #server: Server;
  readonly #limit: RateLimit;
  readonly #routes: readonly Route[];

  constructor(
    readonly context: Context,
    readonly scheduler: Scheduler,
    readonly seen: SeenRequest[],
    /** POST and GET /control; the body is what the test said. */
    readonly control: (body: unknown) => unknown,
  ) {
    this.#limit = new RateLimit(context.options.requestsPerSecond ?? 20);
    this.#routes = routesOf(context, scheduler);
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((thrown: unknown) => {
        response.destroy(thrown instanceof Error ? thrown : undefined);
      });
    });
  }

  async listen(port: number): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://simulator');
    const method = request.method ?? 'GET';
    const text = await readBody(request);
    if (url.pathname === '/control') {
      const body: unknown = method === 'GET' ? this.control(null) : this.control(JSON.parse(text));
      await this.#write(response, { status: 200, body }, null);
      return;
    }
    const fault = this.context.switches.takeFault(`${method} ${url.pathname}`);
    if (fault?.kind === 'drop-request') {
      request.socket.destroy();
      return;
    }
    const answer = fault?.kind === 'status' && !fault.after ? faultAnswer(fault) : this.#answer(method, url, text, request.headers.authorization ?? '');
    const told = fault?.kind === 'status' ? faultAnswer(fault) : answer;
    this.seen.push({ method, path: url.pathname, status: told.status });
    if (fault?.kind === 'drop-reply') request.socket.destroy();
    else await this.#write(response, told, fault);
  }

  #answer(method: string, url: URL, text: string, authorization: string): Answer {
    const resource = url.pathname;
    try {
      if (method === 'POST' && resource === '/v2/oauth2/token') return tokenAnswer(this.context, authorization, new URLSearchParams(text));
      const caller = callerOf(this.context, authorization);
      const wait = this.#limit.take(caller.client, this.context.now());
      if (wait > 0) throw new ApiError(429, 'RateLimitExceeded', 'Too many requests', {}, { 'retry-after': String(wait) });
      const route = this.#route(method, resource);
      this.scheduler.tick();
      const body = route.handler({ caller, query: url.searchParams, body: parseJson(method, text), ids: route.ids });
      this.scheduler.tick();
      return { status: route.status?.(body) ?? 200, body: { ...body, ...(method === 'POST' || method === 'PUT' ? { request_id: requestId(), resource } : {}) } };
    } catch (thrown) {
      const error = thrown instanceof ApiError ? thrown : new ApiError(500, 'InternalError', String(thrown instanceof Error ? thrown.stack : thrown));
      const body = { code: error.code, message: error.message, request_id: requestId(), resource, ...error.more };
      return { status: error.status, body, headers: error.headers };
    }
  }

  #route(method: string, path: string): Route & { ids: readonly string[] } {
    for (const route of this.#routes) {
      const match = route.pattern.exec(path);
      if (match !== null && route.method === method) return { ...route, ids: match.slice(1) };
    }
    throw new ApiError(404, 'ClientError.NotFound', `No resource ${method} ${path}`);
  }

  async #write(response: ServerResponse, answer: Answer, fault: Fault | null): Promise<void> {
    const json = JSON.stringify(answer.body);
    const half = json.slice(0, json.length >> 1);
    const body = fault?.kind === 'truncate' ? half : json;
    response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...answer.headers });
    if (fault?.kind === 'slow') {
      response.write(half);
      await delay(fault.delayMs);
      response.end(json.slice(half.length));
    } else if (fault?.kind === 'cut') {
      response.write(half, () => response.destroy());
    } else {
      response.end(body);
    }
  }
}

function routesOf(context: Context, scheduler: Scheduler): Route[] {
  const tasks = new TaskApi(context, scheduler);
  const files = new FileOperations(context);
  const route = (method: string, path: string, handler: Handler, status?: Route['status']): Route =>
    ({ method, pattern: new RegExp(`^${BASE.replace('.', '\\.')}${path}$`), handler, ...(status === undefined ? {} : { status }) });
  const accepted = (body: Record<string, unknown>): number => (body['code'] === 'Accepted' ? 202 : 200);
  const created = (): number => 202;
  return [
    route('GET', '/submission_id', () => ({ DATA_TYPE: 'submission_id', value: randomUUID() })),
    route('POST', '/transfer', ({ caller, body }) => submitTransfer(context, caller, body), accepted),
    route('POST', '/delete', ({ caller, body }) => submitDelete(context, caller, body), accepted),
    route('GET', '/task_list', (call) => tasks.list(call)),
    route('GET', '/task/([^/]+)', (call) => tasks.get(call)),
    route('PUT', '/task/([^/]+)', (call) => tasks.update(call)),
    route('POST', '/task/([^/]+)/cancel', (call) => tasks.cancel(call)),
    route('GET', '/task/([^/]+)/event_list', (call) => tasks.events(call)),
    route('GET', '/task/([^/]+)/successful_transfers', (call) => tasks.successes(call)),
    route('GET', '/task/([^/]+)/skipped_errors', (call) => tasks.skipped(call)),
    route('GET', '/task/([^/]+)/pause_info', (call) => tasks.pauseInfo(call)),
    route('GET', '/operation/endpoint/([^/]+)/ls', (call) => files.ls(call)),
    route('GET', '/operation/endpoint/([^/]+)/stat', (call) => files.stat(call)),
    route('POST', '/operation/endpoint/([^/]+)/mkdir', (call) => files.mkdir(call), created),
    route('POST', '/operation/endpoint/([^/]+)/rename', (call) => files.rename(call)),
    route('GET', '/endpoint/([^/]+)', (call) => files.endpoint(call)),
    route('GET', '/endpoint_search', (call) => files.search(call)),
  ];
}

const requestId = (): string => randomBytes(6).toString('base64url').slice(0, 9);

function faultAnswer(fault: Fault): Answer {
  const code = fault.code ?? ({ 429: 'RateLimitExceeded', 502: 'BadGateway', 503: 'ServiceUnavailable' }[fault.status] ?? 'InternalError');
  const headers = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
  return { status: fault.status, body: { code, message: 'told so by a switch of the test', request_id: requestId(), resource: '/' }, headers };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > MAX_BODY) throw new Error('the body of a request is too large');
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(method: string, text: string): unknown {
  if (method === 'GET' || text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('the body is not JSON');
  }
}
