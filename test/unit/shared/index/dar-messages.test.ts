import { expect, it } from 'vitest';
import { messageLookup } from '../../../../shared/index/dar-messages.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';

/** As dar 2.7.8 prints them. */
const LINES = [
  'Error while saving /data/alice/ok/secret: Permission denied',
  'Error reading inode of file /data/alice/nox/y : Permission denied',
  'Cannot read directory contents: /data/alice/nodir : Error opening directory: /data/alice/nodir : Permission denied',
  'Error while saving /data/alice/a: b: Input/output error',
  'Error while saving /data/alice/\xff: No space',
].map((line) => Buffer.from(line, 'latin1'));

it('finds what dar said about a path', () => {
  const message = messageLookup(LINES, bytePath.of('/data/alice'));
  expect(message(bytePath.of('ok/secret'))).toBe('Error while saving /data/alice/ok/secret: Permission denied');
  expect(message(bytePath.of('nox/y'))).toContain('Permission denied');
  expect(message(bytePath.of('nodir'))).toContain('Cannot read directory');
  expect(message(bytePath.of('a: b'))).toContain('Input/output error');
  expect(message(bytePath.of('\xff'))).toBe(String.raw`Error while saving /data/alice/\xff: No space`);
  expect(message(bytePath.of('ok'))).toBeNull();
});
