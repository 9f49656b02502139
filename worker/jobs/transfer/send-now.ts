import { RELEASE_BYTES } from './transfer-job.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import type { WorkerContext } from '../../context.js';

/** Small files wait for fsyncs rather than for bytes; libuv has four threads. */
const AT_ONCE = 4;

/** Whether a batch is brought away by whoever made it: it takes less time than a job of its own, and no LTS is told of it only to answer later. */
export function isSentNow(context: WorkerContext, items: readonly Pick<StoredItem, 'bytes'>[]): boolean {
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
  return bytes < RELEASE_BYTES && context.config.lts.every(({ bundle }) => bundle === null) && context.backends.every((backend) => !backend.capabilities().async);
}

/** Brings a batch to every LTS, verified there. Returns the items with where they are. Throws the first error. */
export async function sendNow(context: WorkerContext, key: string, items: ReadonlyMap<string, StoredItem>, signal: AbortSignal): Promise<Map<string, StoredItem>> {
  const sent = new Map([...items].map(([object, item]) => [object, { ...item, committed: { ...item.committed } }]));
  const toSend = [...items].map(([object, { file, bytes, sha512 }]) => ({ object, file, bytes, sha512 }));
  for (const backend of context.backends) {
    context.breakers.refuseIfOut(backend.name);
    const startedAt = performance.now();
    for (const { item, location, error } of await sendItems({ backend, items: toSend, key, signal, atOnce: AT_ONCE })) {
      if (error !== undefined) throw error;
      const stored = sent.get(item.object);
      if (stored !== undefined && location !== undefined) stored.committed[backend.name] = location;
      context.metrics.sliceCommitted({ lts: backend.name, bytes: item.bytes, wallMs: performance.now() - startedAt });
    }
  }
  return sent;
}
