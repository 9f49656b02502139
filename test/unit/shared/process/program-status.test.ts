import { expect, it } from 'vitest';
import { programStatus } from '../../../../shared/process/guarded.js';

it('turns a shell status above 128 into the signal, and only that', () => {
  expect(programStatus({ code: 143, signal: null })).toEqual({ code: null, signal: 'SIGTERM' });
  expect(programStatus({ code: 139, signal: null })).toEqual({ code: null, signal: 'SIGSEGV' });
  expect(programStatus({ code: 4, signal: null })).toEqual({ code: 4, signal: null });
  expect(programStatus({ code: 255, signal: null })).toEqual({ code: 255, signal: null });
});
