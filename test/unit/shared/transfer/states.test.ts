import { describe, expect, it } from 'vitest';
import { canMove, moveItem, type ItemState } from '../../../../shared/transfer/states.js';

const STATES: ItemState[] = ['planned', 'keyed', 'submitted', 'sent', 'verifying', 'committed', 'failed', 'cancelled'];

describe('states of a transfer item', () => {
  it('leads from planned to committed through every proof', () => {
    const way: ItemState[] = ['keyed', 'submitted', 'sent', 'verifying', 'committed'];
    expect(way.reduce<ItemState>((from, to) => moveItem(from, to, 'o'), 'planned')).toBe('committed');
  });

  it('lets nothing but verifying lead to committed', () => {
    expect(STATES.filter((from) => canMove(from, 'committed'))).toEqual(['verifying']);
  });

  it('ends at committed, and starts again from failed and cancelled', () => {
    expect(STATES.filter((to) => canMove('committed', to))).toEqual([]);
    expect(STATES.filter((to) => canMove('failed', to))).toEqual(['keyed']);
    expect(STATES.filter((to) => canMove('cancelled', to))).toEqual(['keyed']);
  });

  it('can fail and be cancelled everywhere before', () => {
    for (const end of ['failed', 'cancelled'] as const) {
      expect(STATES.filter((from) => canMove(from, end))).toEqual(['planned', 'keyed', 'submitted', 'sent', 'verifying']);
    }
  });

  it('refuses a step that skips proof', () => {
    expect(() => moveItem('submitted', 'committed', 'a/b')).toThrow(expect.objectContaining({ code: 'TRANSFER_STATE_INVALID', subject: 'a/b' }) as Error);
  });
});
