import { setTimeout as sleep } from 'node:timers/promises';
import { ulid } from 'ulid';
import { toBwError } from '../../shared/errors/bw-error.js';
import { ownIdentity } from '../../shared/hosts/process-start.js';
import { BEAT_MS, type WorkerProcess } from '../../shared/hosts/silence.js';
import type { WorkerContext } from '../context.js';

/** A worker that ends waits for Redis no longer, ms. */
const LEAVE_MS = 1_000;

export interface Present {
  /** This process, once it is on record. */
  readonly process: Promise<WorkerProcess>;
  /** Puts on record that it works no more. */
  leave(): Promise<void>;
}

/** Puts this worker process on record, and says again and again that it is there. `lockers`: ids of its queue workers. */
export function bePresent({ presence, config, logger }: Pick<WorkerContext, 'presence' | 'config' | 'logger'>, lockers: readonly string[]): Present {
  const incarnation = ulid();
  const own = ownIdentity().then((identity): WorkerProcess => ({ ...identity, incarnation, host: config.host, lockers }));
  let beating = Promise.resolve();
  let isIdle = true;
  const beat = (): void => {
    if (!isIdle) return; // Redis is away: the last one is still on its way
    isIdle = false;
    beating = own
      .then((process) => presence.beat(process))
      .catch((thrown: unknown) => { logger.warn({ err: toBwError(thrown) }, 'the presence of this worker is not on record'); })
      .finally(() => { isIdle = true; });
  };
  beat();
  const timer = setInterval(beat, BEAT_MS);
  return {
    process: own,
    leave: async () => {
      clearInterval(timer);
      await Promise.race([beating.then(() => own).then((process) => presence.leave(process)), sleep(LEAVE_MS, undefined, { ref: false })]).catch(() => undefined); // else it is found dead
    },
  };
}
