export { childLogger, createLogger, type LogBindings, type LoggerOptions } from './logger.js';
export { maskSecretText } from './redact.js';
export { serializeError, type SerializedError } from './serialize-error.js';
