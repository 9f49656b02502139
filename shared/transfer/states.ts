import { BwError } from '../errors/bw-error.js';

/** Life of one item on its way to one LTS. */
export type ItemState = 'planned' | 'keyed' | 'submitted' | 'sent' | 'verifying' | 'committed' | 'failed' | 'cancelled';

/**
 * planned: listed · keyed: its transfer key is on record · submitted: the backend has it · sent: the backend says done ·
 * verifying: compared with its hash · committed: proven, the only state after which staging may be given back.
 */
const NEXT: Readonly<Record<ItemState, readonly ItemState[]>> = {
  planned: ['keyed', 'failed', 'cancelled'],
  keyed: ['submitted', 'failed', 'cancelled'],
  submitted: ['sent', 'verifying', 'failed', 'cancelled'],
  sent: ['verifying', 'failed', 'cancelled'],
  verifying: ['committed', 'failed', 'cancelled'],
  committed: [],
  failed: ['keyed'],
  cancelled: ['keyed'],
};

export function canMove(from: ItemState, to: ItemState): boolean {
  return NEXT[from].includes(to);
}

/** Returns `to`; throws TRANSFER_STATE_INVALID for a step that would skip proof. */
export function moveItem(from: ItemState, to: ItemState, object: string): ItemState {
  if (canMove(from, to)) return to;
  throw new BwError('TRANSFER_STATE_INVALID', {
    message: `a transfer item cannot go from ${from} to ${to}`,
    subject: object,
    retry: 'permanent',
    hint: 'This is a fault in bw-bkup: report it with the log of this transfer.',
  });
}
