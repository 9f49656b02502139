import { RELEASE_BYTES } from './transfer-job.js';
import { goalOf } from '../../../shared/copies/enough.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import type { WorkerContext } from '../../context.js';
import { inOrder, toEnough } from './to-enough.js';

/** Whether a batch is brought away by whoever made it: it takes less time than a job of its own, and no LTS is told of it only to answer later. */
export function isSentNow(context: WorkerContext, items: readonly Pick<StoredItem, 'bytes'>[]): boolean {
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
  return bytes < RELEASE_BYTES && context.config.lts.every(({ bundle }) => bundle === null) && context.backends.every((backend) => !backend.capabilities().async);
}

/** Brings a batch, of one goal, to its LTS, verified there: to enough of them. Returns the items with where they are. Throws the first error. */
export async function sendNow(context: WorkerContext, key: string, items: ReadonlyMap<string, StoredItem>, signal: AbortSignal): Promise<Map<string, StoredItem>> {
  const sent = new Map([...items].map(([object, item]) => [object, { ...item, committed: { ...item.committed } }]));
  const toSend = [...items].map(([object, { file, bytes, sha512 }]) => ({ object, file, bytes, sha512 }));
  const [first] = items.values();
  const { lts, toSeal } = goalOf(first ?? {}, context.backends.map(({ name }) => name));
  await toEnough(context, {
    backends: inOrder(context.backends, lts),
    isEnough: (done) => done.length >= toSeal,
    act: async (backend, own) => {
      const startedAt = performance.now();
      for (const { item, location, error } of await sendItems({ backend, items: toSend, key, signal: own })) {
        if (error !== undefined) throw error;
        const stored = sent.get(item.object);
        if (stored !== undefined && location !== undefined) stored.committed[backend.name] = location;
        context.metrics.sliceCommitted({ lts: backend.name, bytes: item.bytes, wallMs: performance.now() - startedAt });
      }
    },
    onMissed: (backend, error) => context.breakers.note({ id: key, name: 'shard' }, backend.name, error),
    signal,
  });
  return sent;
}
