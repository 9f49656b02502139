import { signsOfLife, type GuardedChild } from '../process/index.js';
import { keepLooking, type LookOptions } from './looks.js';

export interface ChildWatchOptions extends Pick<LookOptions, 'inactivityMs' | 'heldMs' | 'now'> {
  /** Called before it is asked to end. */
  readonly onHung: () => void;
}

export interface ChildWatch {
  /** Nothing of it moved for the whole timeout. */
  readonly isHung: () => boolean;
  /** To be called when it is killed: what survives that is given up. */
  readonly killed: () => void;
  readonly stop: () => void;
}

/**
 * Watches a guarded program: one that neither reads nor writes for the timeout is asked to end, asked again, killed, and at last given up: then `exited` rejects
 * PROGRAM_UNKILLABLE, and it is known by its staging directory only (`findStrays`).
 */
export function watchChild(child: Pick<GuardedChild, 'pid' | 'terminate' | 'terminateAgain' | 'kill' | 'giveUp'>, { onHung, ...options }: ChildWatchOptions): ChildWatch {
  let isHung = false;
  let isKilled = false;
  const acts = {
    ask: () => {
      isHung = true;
      onHung();
      child.terminate();
    },
    'ask-again': child.terminateAgain,
    kill: child.kill,
    'give-up': child.giveUp,
  };
  const stop = keepLooking({ ...options, signs: () => signsOfLife([child.pid]), killed: () => isKilled, act: (act) => { acts[act](); } });
  return { isHung: () => isHung, killed: () => { isKilled = true; }, stop };
}
