import { expect, it } from 'vitest';
import { plural } from '../../../../producer/cli/print.js';

it('one and many', () => {
  expect(plural(1, 'entry', 'entries')).toBe('1 entry');
  expect(plural(0, 'backup')).toBe('0 backups');
  expect(plural(12_345, 'backup')).toBe('12,345 backups');
});
