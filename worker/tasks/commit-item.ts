import { BundlePool } from '../../shared/bundle/bundle-pool.js';
import { Outbox } from '../../shared/tasks/outbox.js';
import type { OutboxItem, TaskRecord } from '../../shared/tasks/task-record.js';
import type { WorkerContext } from '../context.js';

/** Puts on record that an item is in the LTS, verified there. Twice has the effect of once; what its backup does not have on record (any more) is left alone. */
export async function commitItem({ items, runs, metrics, queues, now }: Pick<WorkerContext, 'items' | 'runs' | 'metrics' | 'queues' | 'now'>, task: TaskRecord, { kind, backupId, object, bytes, sha512 }: OutboxItem): Promise<void> {
  if (kind === 'bundle') {
    const pool = new BundlePool(runs.redis, task.host, task.lts);
    const plan = await pool.plan(object);
    if (plan !== null) await pool.note({ ...plan, sent: true }); // its parts are committed by whoever waits for it
    return;
  }
  if (kind === 'file') return new Outbox(queues.redis).noteSentFile(task.lts, object, sha512);
  const before = (await items.get(backupId, [object])).get(object);
  if (before?.sha512 !== sha512 || before.committed[task.lts] !== undefined) return;
  if (!(await items.commit(backupId, object, task.lts, { object, offset: 0, length: bytes }))) return;
  await runs.addSent(backupId, bytes);
  metrics.sliceCommitted({ lts: task.lts, bytes, wallMs: Math.max(0, now().getTime() - task.createdMs) });
}
