import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerContext } from '../context.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { priorityOf } from '../../shared/queues/priorities.js';
import { Outbox } from '../../shared/tasks/outbox.js';
import { toError } from '../../shared/tasks/task-record.js';
import type { TransferItem } from '../../shared/transfer/backend.js';
import { sendItems, type ItemResult, type SendRequest } from '../../shared/transfer/engine.js';

type Context = Pick<WorkerContext, 'queues' | 'config'>;
type Request = Pick<SendRequest, 'backend' | 'items' | 'signal'>;

/** A job that waits for a small file looks this often, ms: one command. */
const LOOK_MS = 500;
/** Small, and much waits for them: they go with the next task. */
const PRIORITY = priorityOf('restore', 'seal');

/**
 * sendItems for files that are no slices (of a seal, of the catalog, bundles): to an asynchronous LTS they go with the tasks of this host, so that they keep to
 * its leases and a crash leaves none twice. Waits for them. Results as those of sendItems.
 */
export async function sendFiles(context: Context, request: SendRequest): Promise<ItemResult[]> {
  if (!request.backend.capabilities().async) return sendItems(request);
  const { backend, items, signal } = request;
  for (;;) {
    const results = await sendFilesStep(context, request, '');
    if (results !== null) {
      for (const { item, location } of results) if (location !== undefined) await request.onCommitted?.(item, location);
      return results;
    }
    try {
      await sleep(LOOK_MS, undefined, signal === undefined ? {} : { signal });
    } catch {
      await new Outbox(context.queues.redis).drop(backend.name, context.config.host, items.map(({ object }) => object));
      return items.map((item) => ({ item, state: 'cancelled', error: stopped() }));
    }
  }
}

/** The same without waiting: null while some are under way. `job` (`QUEUE ID`, or '') is woken when one is through. Repeating it has no further effect. */
export async function sendFilesStep({ queues, config }: Context, { backend, items }: Request, job: string): Promise<ItemResult[] | null> {
  const outbox = new Outbox(queues.redis);
  const lts = backend.name;
  const sent = await outbox.sentFiles(lts, items.map(({ object }) => object));
  const open = items.filter(({ object, sha512 }) => sent.get(object) !== sha512);
  if (open.length === 0) return items.map(committed);
  const objects = open.map(({ object }) => object);
  const [error] = await outbox.takeErrors(lts, objects);
  if (error !== undefined) {
    await outbox.drop(lts, config.host, objects);
    return items.map((item) => (open.includes(item) ? { item, state: 'failed', error: toError(error) } : committed(item)));
  }
  await outbox.put(lts, config.host, open.map(({ object, file, bytes, sha512 }) => ({ object, file, bytes, sha512, backupId: '', kind: 'file', priority: PRIORITY, job })));
  return null;
}

function committed(item: TransferItem): ItemResult {
  return { item, state: 'committed', location: { object: item.object, offset: 0, length: item.bytes } };
}

function stopped(): BwError {
  return new BwError('TRANSFER_ABORTED', { message: 'the transfer was stopped on purpose', retry: 'retry', hint: 'Nothing to do: it is taken up again later.' });
}
