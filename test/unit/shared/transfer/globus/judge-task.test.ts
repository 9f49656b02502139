import { describe, expect, it } from 'vitest';
import type { Task, TaskEvent } from '../../../../../shared/transfer/globus/answers.js';
import { judgeTask, needsErrors, pauseText } from '../../../../../shared/transfer/globus/judge-task.js';

const NOW = Date.parse('2026-05-14T17:00:00Z');
const MINUTE = 60_000;
const STUCK = { now: NOW, stuckAfterMs: 10 * MINUTE };

function task(more: Partial<Task>): Task {
  return { task_id: '0b5e0c8e-3f5a-4a5e-9d7e-6a1d2f3c4b5a', type: 'TRANSFER', status: 'ACTIVE', is_paused: false, bytes_transferred: 0, history_deleted: false, nice_status: 'OK', ...more };
}

function event(code: string, minutesAgo: number): TaskEvent {
  return { code, is_error: true, time: new Date(NOW - minutesAgo * MINUTE).toISOString(), description: code.toLowerCase(), details: null };
}

describe('judgeTask', () => {
  it('needs no events while all is well', () => {
    expect([task({}), task({ nice_status: 'Queued' }), task({ nice_status: null }), task({ is_paused: true, nice_status: 'PAUSED' }), task({ status: 'SUCCEEDED' })].map(needsErrors)).toEqual([false, false, false, false, false]);
    expect([task({ nice_status: 'PERMISSION_DENIED' }), task({ status: 'FAILED', nice_status: null })].map(needsErrors)).toEqual([true, true]);
  });

  it.each<[string, Partial<Task>, [string, number][], string, string?]>([
    ['runs', {}, [], 'running'],
    ['waits for its turn', { nice_status: 'Queued' }, [], 'queued'],
    ['is paused', { is_paused: true }, [], 'paused', 'paused'],
    ['is suspended', { status: 'INACTIVE', nice_status: 'NO_CREDENTIALS' }, [], 'needs-operator', 'inactive'],
    ['succeeded', { status: 'SUCCEEDED' }, [['CONNECTION_RESET', 1]], 'succeeded'],
    ['may come through', { nice_status: 'CONNECTION_RESET' }, [['CONNECTION_RESET', 1], ['CONNECTION_RESET', 900]], 'stalled', 'io'],
    ['is denied since a moment', { nice_status: 'PERMISSION_DENIED' }, [['PERMISSION_DENIED', 1], ['PERMISSION_DENIED', 9]], 'stalled', 'denied'],
    ['is denied for too long', { nice_status: 'PERMISSION_DENIED' }, [['PERMISSION_DENIED', 1], ['PERMISSION_DENIED', 10]], 'stuck', 'denied'],
    ['is full for too long', { nice_status: 'QUOTA_EXCEEDED' }, [['QUOTA_EXCEEDED', 11]], 'stuck', 'full'],
    ['was denied before it was reset', { nice_status: 'PERMISSION_DENIED' }, [['PERMISSION_DENIED', 1], ['TIMEOUT', 5], ['PERMISSION_DENIED', 60]], 'stalled', 'denied'],
    ['has no event of its trouble yet', { nice_status: 'FILE_NOT_FOUND' }, [], 'stalled', 'path'],
    ['was cancelled by us', { status: 'FAILED', fatal_error: { code: 'CANCELED', description: 'canceled' } }, [['CANCELED', 0]], 'cancelled'],
    ['was cancelled as stuck, by a process that is gone', { status: 'FAILED', fatal_error: { code: 'CANCELED', description: '' }, completion_time: new Date(NOW).toISOString() }, [['CANCELED', 0], ['PERMISSION_DENIED', 10]], 'failed', 'denied'],
    ['was cancelled while it was denied for a moment', { status: 'FAILED', fatal_error: { code: 'CANCELED', description: '' } }, [['PERMISSION_DENIED', 1]], 'cancelled'],
    ['was cancelled by an administrator', { status: 'FAILED', canceled_by_admin: 'SOURCE', canceled_by_admin_message: 'maintenance' }, [], 'failed', 'removedByAdmin'],
    ['failed for its quota', { status: 'FAILED', fatal_error: { code: 'QUOTA_EXCEEDED', description: 'quota' } }, [['FAILED', 0], ['QUOTA_EXCEEDED', 0]], 'failed', 'full'],
    ['reached its deadline', { status: 'FAILED', fatal_error: { code: 'EXPIRED', description: 'deadline' } }, [['EXPIRED', 0]], 'failed', 'io'],
    ['failed for a reason of its own', { status: 'FAILED', fatal_error: { code: 'FAILED', description: '' } }, [['NO_SPACE_LEFT', 1]], 'failed', 'full'],
  ])('%s', (_, more, events, state, fault) => {
    const found = judgeTask(task(more), events.map(([code, ago]) => event(code, ago)), STUCK);
    expect([found.state, found.fault]).toEqual([state, fault]);
  });

  it('says what Globus says', () => {
    const found = judgeTask(task({ nice_status: 'PERMISSION_DENIED' }), [{ ...event('PERMISSION_DENIED', 1), details: '550 Permission denied /bw/x' }], STUCK);
    expect(found.detail).toBe('PERMISSION_DENIED at 2026-05-14T16:59:00.000Z: permission_denied\n550 Permission denied /bw/x');
  });

  it('tells each message of a pause once', () => {
    expect(pauseText({ message: null, source_pause_message: 'tape library moves', destination_pause_message: 'back on Monday', pause_rules: [{ message: 'tape library moves' }, { message: '' }] })).toBe('tape library moves; back on Monday');
  });
});
