import type { EraseChecks } from '../../../shared/catalog/index.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { eraseJobSchema, parseJob } from '../../../shared/queues/job-data.js';
import { orderBundleSweep } from '../../../shared/runs/order-site-jobs.js';
import { readClaims } from '../../../shared/retention/claims.js';
import { heldWith } from '../../../shared/retention/held-with.js';
import { ProtectionsReader, type Protections } from '../../../shared/retention/protections.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { namedByOthers } from './named-objects.js';

interface Ids {
  readonly basepathId: string;
  readonly backupId: string;
}

/** Objects that are removed with one call. */
const REMOVE_AT_ONCE = 1000;

/** Erases removed backups whose grace period is over. One that fails does not stop the others; the job fails then, and is tried again. */
export async function eraseJob(context: WorkerContext, run: JobRun): Promise<{ erased: number }> {
  const { backups } = parseJob(eraseJobSchema, run.job.data, run.job.id);
  const reader = new ProtectionsReader(context.catalog.journalDir, (problem) => { run.logger.warn({ problem }, 'journal line not usable'); });
  const protections = await reader.read();
  // All of them have had their tombstones for long: whoever claims one from now on sees that.
  const claims = await readClaims(context.runs, context.queues);
  // Erasing takes hours: a hold that came meanwhile is seen before the first object of a backup goes.
  const checksOf = (ids: Ids): EraseChecks => ({ claims: () => Promise.resolve(claims), isHeld: async () => (await heldBy(context, await reader.read(), ids)) !== null });
  let erased = 0;
  const errors: unknown[] = [];
  for (const ids of backups) {
    if (run.signal.aborted) break;
    const held = await heldBy(context, protections, ids);
    if (held !== null) run.logger.info({ ...ids, held }, 'not erased: held');
    else if (await eraseOne(context, ids, checksOf(ids), run).catch((thrown: unknown) => void errors.push(thrown))) erased++;
  }
  if (erased > 0 && context.config.lts.some(({ bundle }) => bundle !== null)) await orderBundleSweep(context.queues);
  if (errors.length > 0) throw toBwError(errors[0]);
  return { erased };
}

/**
 * No way back first, then the manifest in every LTS, then everything else there, then the catalog, and its tombstone last. Cut off anywhere, what is left is
 * never taken for a backup: whoever looks finds the tombstone, or (the catalog being lost too) no manifest in any LTS from which the first object is gone.
 */
async function eraseOne(context: WorkerContext, ids: Ids, checks: EraseChecks, run: JobRun): Promise<boolean> {
  const { graves } = context.catalog;
  const { basepathId, backupId } = ids;
  if (!(await isDue(context, ids))) return false;
  const begun = await graves.beginErase(basepathId, backupId, checks);
  if (begun === 'needed') run.logger.warn(ids, 'not erased: something needs it, it is back');
  if (begun === 'held') run.logger.info(ids, 'not erased: held since the job began');
  if (begun !== 'erasing') return false;
  const named = await namedByOthers(context, ids);
  for (const backend of context.backends) await backend.remove([`${basepathId}/${backupId}/manifest.json`]);
  let objects = 0;
  let bytes = 0n;
  for (const backend of context.backends) {
    const gone = await removeAll(backend, `${basepathId}/${backupId}`, named);
    objects += gone.objects;
    bytes += gone.bytes;
  }
  await graves.finishErase(basepathId, backupId);
  await context.journal.append({ kind: 'erased', basepathId, backupId, objects, bytes: bytes.toString() });
  context.metrics.backupErased(bytes);
  run.logger.info({ ...ids, objects, bytes: bytes.toString() }, 'erased');
  return true;
}

function heldBy({ catalog }: WorkerContext, protections: Protections, { basepathId, backupId }: Ids): Promise<string | null> {
  return heldWith(catalog, protections, basepathId, backupId);
}

/** It may have been undeleted, and removed again, since the job was ordered. */
async function isDue(context: WorkerContext, { basepathId, backupId }: Ids): Promise<boolean> {
  const found = await context.catalog.graves.stateOf(basepathId, backupId);
  if (found === null) return false;
  return found.state === 'erasing' || (found.tombstone !== null && Date.parse(found.tombstone.eraseAfter) <= context.now().getTime());
}

async function removeAll(backend: TransferBackend, prefix: string, named: ReadonlySet<string>): Promise<{ objects: number; bytes: bigint }> {
  const found: string[] = [];
  let bytes = 0n;
  for await (const { object, bytes: size } of backend.list(prefix)) {
    if (named.has(object)) continue;
    found.push(object);
    bytes += BigInt(size);
  }
  for (let at = 0; at < found.length; at += REMOVE_AT_ONCE) await backend.remove(found.slice(at, at + REMOVE_AT_ONCE));
  return { objects: found.length, bytes };
}
