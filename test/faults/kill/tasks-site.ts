import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';
import { PREFIX } from '../../../shared/queues/names.js';
import { AdjustableLimiter } from '../../../shared/transfer/bandwidth.js';
import { labelOf } from '../../../shared/transfer/globus/documents.js';
import { PART_MARK } from '../../../shared/transfer/object-name.js';
import { isFinished, type TaskRecord } from '../../globus-simulator/records.js';
import type { GlobusSimulator } from '../../globus-simulator/simulator.js';
import { CLIENT, simulatedGlobus } from '../../helpers/globus-simulator.js';
import type { TestSite } from '../../helpers/site.js';
import { KILLED_HOST } from './line-of-workers.js';

const ARCHIVE = '0b5e0c8e-0000-4000-8000-00000000a7c1';
const SOURCE = '0b5e0c8e-0000-4000-8000-0000000050ce';

/** The topdir whose backups go into bundles. */
export const BUNDLED = 'bundled';

/** A simulated Globus in the process of the test, which outlives all workers, and the settings of a site whose two LTS lie behind it. */
export function globusService() {
  const made: { service?: GlobusSimulator } = {};
  const prepare = async (dir: string): Promise<Readonly<Record<string, unknown>>> => {
    for (const name of [BUNDLED, 'lts-bundles']) await mkdir(join(dir, name), { mode: 0o700 });
    const secretFile = join(dir, 'globus-secret');
    await writeFile(secretFile, `${CLIENT.secret}\n`, { mode: 0o600 });
    // Local paths are those of the collections: the frame looks into an LTS as into a directory.
    vi.spyOn(AdjustableLimiter.prototype, 'take').mockResolvedValue(); // it does not meter calls
    made.service = await simulatedGlobus(join(dir, 'far'), { collections: [SOURCE, ARCHIVE].map((id) => ({ id, dir: '/' })), retryMs: 10 });
    const { url } = made.service;
    const sources = ['staging', `staging-${KILLED_HOST}`, 'staging-after'].map((name) => ({ dir: join(dir, name), collection: SOURCE, path: join(dir, name) }));
    // One lease, so that somebody waits for it.
    const globus = { collection: ARCHIVE, clientId: CLIENT.id, secretFile, transferUrl: url, authUrl: url, sources, maxTasks: 1 };
    return {
      topdirs: [{ path: join(dir, 'top'), lts: ['lts'] }, { path: join(dir, BUNDLED), lts: ['bundles'] }],
      lts: [
        { name: 'lts', backend: 'globus', dir: join(dir, 'lts'), globus },
        { name: 'bundles', backend: 'globus', dir: join(dir, 'lts-bundles'), minObject: '1MiB', maxWait: '200ms', globus },
      ],
    };
  };
  const service = (): GlobusSimulator => {
    if (made.service === undefined) throw new Error('no service: the site was not prepared');
    return made.service;
  };
  return { prepare, service };
}

const isSend = ({ label, type }: TaskRecord): boolean => type === 'TRANSFER' && label?.endsWith(labelOf('', 'send').slice(-'/send'.length)) === true;

/** Objects that a task is to bring, whatever its parts are called. */
export function objectsOf(task: TaskRecord): string[] {
  return isSend(task) ? task.items.map(({ destination }) => destination.slice(0, destination.indexOf(PART_MARK))) : [];
}

/** What the service knows that must not be: a task for which there is another one, an object that was brought twice (`lost`: of those that were taken away, as often), a task that goes on. */
export function serviceProblems(tasks: readonly TaskRecord[], lost: readonly string[]): string[] {
  const again = [...lost];
  const isMore = (object: string): boolean => !again.includes(object) || again.splice(again.indexOf(object), 1).length === 0;
  const sends = tasks.filter(isSend);
  return [
    ...twice(tasks.map(({ submissionId }) => submissionId)).map((id) => `two tasks of the submission ${id}`),
    ...twice(sends.map(({ label }) => String(label))).map((label) => `two tasks with the label ${label}`),
    ...twice(sends.filter(({ status }) => status === 'SUCCEEDED').flatMap(objectsOf).filter(isMore)).map((object) => `${object} was brought by two tasks`),
    ...tasks.filter((task) => !isFinished(task)).map(({ id, label }) => `the task ${id} (${String(label)}) goes on`),
  ];
}

/** Keys of tasks that are settled, or were never begun: nothing of them stays. */
export async function taskKeysLeft({ worker: { context: { queues: { redis } } } }: TestSite): Promise<string[]> {
  const found = await Promise.all(['tasks', 'task:*', 'outbox:*', 'in-task:*', 'task-errors:*', 'task-wake-orders'].map((pattern) => redis.keys(`${PREFIX}:${pattern}`)));
  return found.flat();
}

function twice(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
