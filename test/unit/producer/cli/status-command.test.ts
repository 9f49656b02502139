import { describe, expect, it } from 'vitest';
import { queueLine, summary } from '../../../../producer/cli/status-command.js';

describe('what status says besides the table', () => {
  it('counts states, those that are there', () => {
    expect(summary([{ state: 'ok', pastDueMs: null }, { state: 'never', pastDueMs: null }, { state: 'ok', pastDueMs: null }])).toBe('3 basepaths: 2 ok, 1 never');
    expect(summary([{ state: 'failed-since', pastDueMs: null }])).toBe('1 basepath: 1 failed-since');
    expect(summary([{ state: 'ok', pastDueMs: 5 }])).toBe('1 basepath: 1 ok, 1 past due');
  });

  it('queues with something in them, without what is over', () => {
    const queues = { backup: { active: 2, completed: 7, failed: 1, delayed: 0 }, cleanup: { completed: 3 }, 'transfer-a': { waiting: 1200 } };
    expect(queueLine(queues)).toBe('Queues: backup 2 active, 1 failed; transfer-a 1,200 waiting');
    expect(queueLine({ backup: { completed: 7 } })).toBeNull();
  });
});
