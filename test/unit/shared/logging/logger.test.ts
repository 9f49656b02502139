import { describe, expect, it } from 'vitest';
import { BwError } from '../../../../shared/errors/bw-error.js';
import { childLogger, createLogger, maskSecretText, serializeError, type LoggerOptions } from '../../../../shared/logging/index.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';

function recorder(options: Partial<LoggerOptions> = {}): { logger: ReturnType<typeof createLogger>; lines: string[]; last: () => Record<string, unknown> } {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'json', host: 'ie01', component: 'worker', destination: { write: (text) => void lines.push(text) }, isTerminal: false, ...options });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> };
}

describe('a line', () => {
  it('has host, pid, component, level by name and time', () => {
    const { logger, last } = recorder();
    logger.info({ slices: 3 }, 'shard done');
    expect(last()).toEqual({ level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string, host: 'ie01', pid: process.pid, component: 'worker', slices: 3, msg: 'shard done' });
  });

  it('carries the ids of a child', () => {
    const { logger, last } = recorder();
    childLogger(logger, { backupId: 'B', basepathId: 'alice-3f9a2c', shard: 12, jobId: 'j' }).info('x');
    expect(last()).toMatchObject({ backupId: 'B', basepathId: 'alice-3f9a2c', shard: 12, jobId: 'j', component: 'worker' });
  });

  it('is left out below the level', () => {
    const { logger, lines } = recorder({ level: 'warn' });
    logger.info('x');
    expect(lines).toEqual([]);
  });

  it('shows paths as one printable line', () => {
    const { logger, lines, last } = recorder();
    const path = bytePath.fromBuffer(Buffer.from('caf\xe9/\n{"forged":1}', 'latin1'));
    logger.child({ path }).info({ readFrom: bytePath.fromText('/été') }, 'x');
    expect(last()).toMatchObject({ path: 'caf\\xe9/\\x0a{"forged":1}', readFrom: '/été' });
    expect(lines).toHaveLength(1);
  });
});

describe('errors', () => {
  const root = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = new BwError('REDIS_UNREACHABLE', { message: 'no answer', retry: 'retry', hint: 'start it', subject: 'ie01', detail: 'raw', cause: new Error('middle', { cause: root }) });

  it.each(['err', 'error'])('keep their decision and causes in the field %s', (field) => {
    const { logger, last } = recorder();
    logger.error({ [field]: error }, 'x');
    expect(last()[field]).toMatchObject({
      type: 'BwError', code: 'REDIS_UNREACHABLE', retry: 'retry', hint: 'start it', subject: 'ie01', detail: 'raw', message: 'no answer',
      causes: [{ message: 'middle' }, { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' }],
    });
  });

  it('are found when given alone', () => {
    const { logger, last } = recorder();
    logger.error(error);
    expect(last()).toMatchObject({ msg: 'no answer', err: { code: 'REDIS_UNREACHABLE', hint: 'start it' } });
  });

  it('whose causes form a loop end', () => {
    const a = new Error('a');
    a.cause = new Error('b', { cause: a });
    expect(serializeError(a).causes?.map((cause) => cause.message)).toEqual(['b']);
    expect(serializeError('text')).toMatchObject({ type: 'string', message: 'text' });
    expect(serializeError(undefined)).toMatchObject({ message: 'undefined' });
  });
});

describe('secrets', () => {
  it('do not get out, wherever they stand', () => {
    const { logger, lines } = recorder();
    const url = 'redis://bw:hunter2@redis:6379/0';
    logger.child({ token: 'hunter2' }).info({ redis: { url }, deep: { list: [{ password: 'hunter2' }] }, passphrase: 'hunter2', boardToken: 'hunter2', authorization: 'Bearer hunter2' }, `connecting to ${url}`);
    logger.error(new BwError('X', { message: `cannot reach ${url}`, retry: 'retry', hint: 'h', detail: url, cause: new Error(url) }));
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines[0]).toContain('redis://bw:***@redis:6379/0');
  });

  it('are not confused with what only names them', () => {
    const { logger, last } = recorder();
    logger.info({ tokenFile: '/etc/token', keyId: 'site-2026', passwordFile: '/etc/pw', tokens: 3, secret: null }, 'x');
    expect(last()).toMatchObject({ tokenFile: '/etc/token', keyId: 'site-2026', passwordFile: '/etc/pw', tokens: 3, secret: null });
  });

  it.each([
    ['redis://:p%40ss@h/0', 'redis://:***@h/0'],
    ['a rediss://u:p@ss@h b', 'a rediss://u:***@h b'],
    ['http://h:8610/metrics', 'http://h:8610/metrics'],
    ['mail a@b.c', 'mail a@b.c'],
  ])('%s becomes %s', (text, masked) => {
    expect(maskSecretText(text)).toBe(masked);
  });
});

describe('format', () => {
  it.each([
    ['auto', true, true],
    ['auto', false, false],
    ['pretty', false, true],
    ['json', true, false],
  ] as const)('%s on a terminal %s is pretty: %s', (format, isTerminal, pretty) => {
    const { logger, lines } = recorder({ format, isTerminal });
    logger.warn({ url: 'redis://u:hunter2@h' }, 'low on space');
    expect(lines.join('').startsWith('{')).toBe(!pretty);
    expect(lines.join('')).toContain('low on space');
    expect(lines.join('')).not.toContain('hunter2');
  });
});
