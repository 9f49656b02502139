import { setTimeout as delay } from 'node:timers/promises';
import { BwError, toBwError } from '../errors/bw-error.js';
import type { StageState, TransferBackend } from './backend.js';

/** Recalls take minutes; asking more often only loads the storage. */
const LOOK_MS = 30_000;

/** Code of what is on tape only. */
export const NOT_RECALLED = 'RESTORE_NOT_RECALLED';

type Recalling = Pick<TransferBackend, 'name' | 'capabilities' | 'stage' | 'stageStates'>;

/** Throws RESTORE_NOT_RECALLED, its recall ordered, where the storage says that one of them is not there to be fetched. One that does not tell is believed to have them. */
export async function assertRecalled(backend: Recalling, objects: readonly string[]): Promise<void> {
  if (!backend.capabilities().staging || backend.stageStates === undefined) return;
  const states = await backend.stageStates(objects);
  const away = objects.filter((object) => isAway(states.get(object)));
  if (away.length === 0) return;
  await order(backend, away);
  throw notRecalled(backend.name, away);
}

/** Has to be recalled, or is on its way (pure). What is not there at all is not waited for. */
export function isAway(state: StageState | undefined): boolean {
  return state === 'offline' || state === 'recalling';
}

/** Does what needs objects as soon as they are there: what fails because they are on tape is done again, their recall ordered. */
export async function whenRecalled<T>(backend: Recalling, objects: readonly string[], signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (thrown) {
      if (toBwError(thrown).code !== NOT_RECALLED) throw thrown;
      await order(backend, objects);
    }
    await delay(LOOK_MS, undefined, { signal });
  }
}

/** Ordering what is ordered already may be refused for just that. */
export async function order(backend: Pick<TransferBackend, 'stage'>, objects: readonly string[]): Promise<void> {
  await backend.stage(objects).catch((thrown: unknown) => {
    if (toBwError(thrown).code !== NOT_RECALLED) throw thrown;
  });
}

export function notRecalled(lts: string, objects: readonly string[]): BwError {
  return new BwError(NOT_RECALLED, {
    message: 'what is needed lies on tape; its recall is ordered',
    subject: `${lts}: ${objects[0] ?? ''}${objects.length > 1 ? ` and ${objects.length - 1} more` : ''}`,
    retry: 'retry',
    hint: 'Nothing to do: it is tried again until the storage has it. If that takes too long, look at the recalls of the storage.',
  });
}
