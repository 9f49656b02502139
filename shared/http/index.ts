export { startHttpServer, type HttpServer, type HttpServerOptions } from './http-server.js';
export { sendError, type ErrorBody, type HttpLogger } from './error-body.js';
export type { Check, CheckFacts, CheckResult, Report } from './checks.js';
