import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { snapshotObject, STAGED_BUNDLES } from '../../../shared/bundle/names.js';
import { withoutRecentSnapshot } from '../../../shared/bundle/recent-snapshots.js';
import { SNAPSHOTS_KEPT, staleSnapshots } from '../../../shared/bundle/snapshots.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { writeSnapshot, type SnapshotPartFile } from '../../../shared/recovery/write-snapshot.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { ltsOf } from '../../breaker/needs.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { sendFiles } from '../../tasks/send-files.js';

/** What one LTS has got so far of a snapshot. */
interface Receiver {
  readonly backend: TransferBackend;
  readonly objects: string[];
  bytes: number;
  error: unknown;
}

/**
 * Brings catalog and journal to every LTS that has had none for a day, as objects that stand for themselves: with one of them, and what was bundled or sealed since,
 * `bw-bkup catalog rebuild --from-lts LTS` needs nothing else. Streamed, a part of at most dar.sliceSize in staging at a time. One LTS that fails keeps nothing from the others; the job
 * fails then and is tried again, for that one: whoever has it by then gets no other. Older snapshots go when a newer one is complete.
 */
export async function snapshotJob(context: WorkerContext, run: JobRun): Promise<{ objects: number; backups: number }> {
  await context.catalog.assertThere();
  const startedAt = context.now();
  const receivers = await receiversOf(context, startedAt.getTime());
  if (receivers.length === 0) return { objects: 0, backups: 0 };
  const id = ulid(startedAt.getTime());
  await rm(join(context.staging.root, STAGED_BUNDLES, 'snapshot'), { recursive: true, force: true });
  const dir = await context.staging.createDirectory(join(STAGED_BUNDLES, 'snapshot'));
  const request = { catalog: context.catalog, partBytes: context.config.dar.sliceBytes, fileOf: (part: number) => join(dir, `${part}.tar.zst`), mtime: Math.floor(startedAt.getTime() / 1000), signal: run.signal };
  let backups = 0;
  try {
    for await (const part of writeSnapshot(request)) {
      backups += part.backups;
      for (const receiver of receivers) await send(context, receiver, id, part, run.signal);
      await rm(part.file);
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  for (const receiver of receivers) if (receiver.error === null) await complete(context, receiver, { backups, startedAt }, run).catch((thrown: unknown) => { receiver.error = thrown; });
  const failed = receivers.find(({ error }) => error !== null);
  if (failed !== undefined) throw toBwError(failed.error);
  return { objects: receivers.reduce((sum, { objects }) => sum + objects.length, 0), backups };
}

/** LTS that are not out and have none of the last day on record. */
async function receiversOf({ backends, breakers, catalog }: WorkerContext, nowMs: number): Promise<Receiver[]> {
  const lacking = await withoutRecentSnapshot(catalog.journalDir, backends.map(({ name }) => name), nowMs);
  const there = backends.filter(({ name }) => lacking.includes(name) && !breakers.isOpen(ltsOf(name)));
  return there.map((backend): Receiver => ({ backend, objects: [], bytes: 0, error: null }));
}

async function send(context: WorkerContext, receiver: Receiver, id: string, { part, isLast, file, bytes, sha512 }: SnapshotPartFile, signal: AbortSignal): Promise<void> {
  if (receiver.error !== null) return;
  const object = snapshotObject(id, part, isLast);
  const [result] = await sendFiles(context, { backend: receiver.backend, items: [{ object, file, bytes, sha512 }], key: `${id}-${part}`, signal });
  receiver.error = result?.error ?? null;
  receiver.objects.push(object);
  receiver.bytes += bytes;
}

async function complete({ journal }: WorkerContext, { backend, objects, bytes }: Receiver, { backups, startedAt }: { backups: number; startedAt: Date }, run: JobRun): Promise<void> {
  await journal.append({ kind: 'snapshot-stored', lts: backend.name, objects, bytes: String(bytes), backups, startedAt: startedAt.toISOString() });
  run.logger.info({ lts: backend.name, objects: objects.length, bytes, backups }, 'snapshot of catalog and journal stored');
  const there: string[] = [];
  for await (const { object } of backend.list('snapshots')) there.push(object);
  await backend.remove(staleSnapshots(there, SNAPSHOTS_KEPT));
}
