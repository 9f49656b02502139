import { describe, expect, it } from 'vitest';
import { meaningOf, type CreateEnd } from '../../../../shared/dar/exit-codes.js';
import { messagesOf } from '../../../../shared/dar/messages.js';

interface Case { code: number | null; says?: string; ours?: boolean; full?: boolean; signal?: NodeJS.Signals }

function end({ code, says = '', ours = false, full = false, signal }: Case): CreateEnd {
  const messages = messagesOf(Buffer.from(says));
  return { status: { code, signal: signal ?? null }, terminatedByUs: ours, messages, diskFull: full, archive: 'a' };
}

describe('end of dar -c', () => {
  it.each<[string, Case]>([
    ['complete', { code: 0 }],
    ['complete', { code: 0, ours: true }],
    ['unreadable', { code: 5 }],
    ['changed', { code: 11 }],
    ['interrupted', { code: 4, ours: true }],
    ['interrupted', { code: 4, ours: true, full: true }],
  ])('%s', (meaning, end_) => {
    expect(meaningOf(end(end_))).toBe(meaning);
  });

  it.each<[string, Case]>([
    ['STAGING_FULL', { code: 4, says: 'Aborting: No space left on device, you have the opportunity' }],
    ['STAGING_FULL', { code: 4, says: 'No space left on device', ours: true }],
    ['STAGING_FULL', { code: 4, full: true }],
    ['STAGING_FULL', { code: 2, says: 'FATAL error: Disk quota exceeded' }],
    ['DAR_SLICE_EXISTS', { code: 4, says: 'a.1.dar is about to be overwritten.' }],
    ['DAR_STOPPED', { code: 4, says: 'Received signal: 15' }],
    ['DAR_ABORTED', { code: 4 }],
    ['DAR_SOURCE_MISSING', { code: 2, says: 'Cannot read filesystem information at /x: No such file' }],
    ['DAR_FAILED', { code: 2, says: 'Error met while opening list' }],
    ['DAR_CRASHED', { code: 3 }],
    ['DAR_CRASHED', { code: null, signal: 'SIGSEGV' }],
    ['DAR_INTERRUPT_SPOILED', { code: 3, ours: true }],
    ['DAR_INTERRUPT_SPOILED', { code: null, signal: 'SIGTERM', ours: true }],
  ])('%s', (code, end_) => {
    expect(() => meaningOf(end(end_))).toThrow(expect.objectContaining({ code, subject: 'a' }));
  });
});

describe('messages', () => {
  it('leave out statistics and name the last error', () => {
    const { lines, lastError } = messagesOf(Buffer.from(' 3 inode(s) saved\n -----\n-----\nError while saving /x: denied\nError b\nRemoving x\nFinal memory cleanup...\n'));
    expect(lines.map(String)).toEqual(['Error while saving /x: denied', 'Error b', 'Removing x']);
    expect(lastError).toBe('Error b');
  });

  it('are bounded', () => {
    const messages = messagesOf(Buffer.from('error\n'.repeat(2000)), Buffer.alloc(100_000, 'x'));
    expect([messages.lines.length, messages.truncated]).toEqual([1000, true]);
    expect(messagesOf(Buffer.alloc(100_000, 'x')).lines[0]?.length).toBe(8192);
  });
});
