import type { Command, Redis } from 'ioredis';
import { BwError } from '../../shared/errors/bw-error.js';
import { ItemStore } from '../../shared/runs/item-store.js';
import { RunStore } from '../../shared/runs/run-store.js';
import type { WorkerContext } from '../context.js';

export interface Fence {
  readonly hurry: AbortSignal;
  /** Looks whether the lock is lost by now; then `hurry` is aborted when it returns. */
  readonly look: () => void;
}

/** The context of one start of a job: once its lock is lost, nothing of it reads or changes the record of runs and items any more. */
export function fencedContext(context: WorkerContext, fence: Fence): WorkerContext {
  const redis = fencedRedis(context.queues.redis, fence);
  return { ...context, runs: new RunStore(redis), items: new ItemStore(redis) };
}

/**
 * The same connection as one job sees it. Once its lock is lost, commands fail with LOCK_LOST: new ones before they are sent, and those that wait for Redis
 * at once, so that the job ends although Redis is away. What is on its way may still be done: the stores' checks of starts are for that.
 */
export function fencedRedis(redis: Redis, { hurry, look }: Fence): Redis {
  const pending = new Set<(error: Error) => void>();
  hurry.addEventListener('abort', () => { if (isLost(hurry)) for (const reject of pending) reject(lockLost()); }, { once: true });
  const until = (sent: unknown, reject: (error: Error) => void): void => {
    pending.add(reject);
    const settled = (): void => { pending.delete(reject); };
    void (sent as Promise<unknown>).then(settled, settled);
  };
  const sendCommand = (command: Command, stream?: unknown): unknown => {
    look();
    if (isLost(hurry)) {
      command.reject(lockLost());
      return command.promise;
    }
    const sent: unknown = redis.sendCommand(command, stream as never);
    if (stream === undefined) {
      return new Promise((resolve, reject) => {
        until(sent, reject);
        (sent as Promise<unknown>).then(resolve, reject);
      });
    }
    until(command.promise, (error) => { command.reject(error); }); // a pipeline awaits each command
    return sent;
  };
  return Object.assign(Object.create(redis) as Redis, { sendCommand });
}

function isLost(hurry: AbortSignal): boolean {
  return hurry.aborted && hurry.reason === 'lost-lock';
}

function lockLost(): BwError {
  return new BwError('LOCK_LOST', {
    message: 'the lock of this job ended: Redis could not be asked in time, or this process stood still',
    retry: 'retry',
    hint: 'Nothing to do: the job goes on elsewhere, or here when Redis is back.',
  });
}
