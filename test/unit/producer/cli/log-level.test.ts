import { describe, expect, it } from 'vitest';
import { commandLevel } from '../../../../producer/cli/log-level.js';

describe('log level of a command', () => {
  it.each([
    ['info', 'default', false, 'warn'],
    ['debug', 'file', false, 'warn'],
    ['error', 'file', false, 'error'],
    ['fatal', 'host', false, 'fatal'],
    ['debug', 'flag', false, 'debug'],
    ['info', 'env', false, 'info'],
    ['error', 'flag', true, 'error'],
    ['info', 'default', true, 'info'],
    ['error', 'file', true, 'info'],
    ['debug', 'file', true, 'debug'],
  ] as const)('%s by %s, verbose %s: %s', (configured, source, verbose, expected) => {
    expect(commandLevel(configured, source, verbose)).toBe(expected);
  });
});
