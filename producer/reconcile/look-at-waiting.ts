import type { Job } from 'bullmq';
import { hasEnough } from '../../shared/copies/enough.js';
import { toBwError } from '../../shared/errors/bw-error.js';
import { Presence } from '../../shared/hosts/presence.js';
import { QUEUES, sendJobId, transferQueue } from '../../shared/queues/names.js';
import { ItemStore, type StoredItem } from '../../shared/runs/item-store.js';
import { shardsToRedo } from '../../shared/runs/redo-shards.js';
import type { Run } from '../../shared/runs/run-store.js';
import { shardOf } from '../../shared/runs/start-name.js';
import { countedSlices, plannedShards, type CountedSlice } from './counted-slices.js';
import type { Batch, RunFacts } from './decide-run.js';
import { jobOfKey, lostJobs, objectsOnTheirWay, stateOf } from './job-states.js';
import type { ReconcileParts } from './parts.js';

type Waits = NonNullable<RunFacts['waits']>;

/** A batch is one job. */
const BATCH_OBJECTS = 1_000;

/** What a backup that is being saved waits for, and whether anybody does it. Nothing of a shard that runs is looked at: its worker keeps its slices back, or is just about to hand them over. */
export async function lookAtWaiting(parts: ReconcileParts, run: Run, job: Job): Promise<Waits | null> {
  if (run.work === null) return null;
  const { processed = {}, unprocessed = [] } = await job.getDependencies();
  const { path: workDir } = parts.catalog.workDir(run.id, run.work);
  const linked = new Set([...Object.keys(processed), ...unprocessed].map((key) => jobOfKey(key).jobId));
  const lost = (await lostJobs(parts.queues, unprocessed)).map(jobOfKey);
  const planned = await plannedShards(workDir);
  const lostIds = new Set(lost.map(({ jobId }) => jobId));
  const lostShards = planned.filter((shard) => !linked.has(shardJobId(run, shard)) || lostIds.has(shardJobId(run, shard)));
  const done = new Set<number>();
  const counted = await countedOf(parts, run, workDir, planned.filter((shard) => !lostShards.includes(shard)), done);
  return { lost: lost.filter(({ queue }) => queue !== QUEUES.backup), lostShards, open: unprocessed.length, ...(await slicesOf(parts, run, counted, done)) };
}

export function shardJobId({ id }: Pick<Run, 'id'>, shard: number): string {
  return `shard.${id}.${shard}`;
}

/** Adds to `done` what is complete. */
async function countedOf({ queues, runs, logger }: ReconcileParts, run: Run, workDir: string, shards: readonly number[], done: Set<number>): Promise<Map<string, CountedSlice>> {
  const all = new Map<string, CountedSlice>();
  const dir = `${run.basepathId}/${run.id}`;
  for (const shard of shards) {
    const job = await queues.backup.getJob(shardJobId(run, shard));
    const state = await stateOf(job);
    const kept = state === 'active' || state === 'completed' ? null : await runs.keptPart(run.id, shard);
    const result = state === 'completed' ? resultOf(job) : null;
    if (state === 'completed') done.add(shard);
    const file = result ?? kept;
    if (file === null) continue;
    try {
      for (const [object, slice] of await countedSlices(workDir, dir, file, result === null ? 'part' : 'result')) all.set(object, slice);
    } catch (thrown) {
      logger.warn({ err: toBwError(thrown), backupId: run.id, shard }, 'what a shard saved cannot be read');
    }
  }
  return all;
}

function resultOf(job: Job | undefined): string | null {
  const value: unknown = job?.returnvalue;
  return typeof value === 'object' && value !== null && 'result' in value && typeof value.result === 'string' ? value.result : null;
}

async function slicesOf({ queues, runs, config }: ReconcileParts, run: Run, counted: ReadonlyMap<string, CountedSlice>, done: ReadonlySet<number>): Promise<Pick<Waits, 'lostItems' | 'unsent' | 'redo'>> {
  const items = await new ItemStore(runs.redis).get(run.id, [...counted.keys()]);
  const isSent = (item: StoredItem): boolean => hasEnough(item, config.lts.map(({ name }) => name));
  const lostItems = [...counted].filter(([object]) => !items.has(object));
  const open = [...items].filter(([, item]) => !isSent(item));
  const onTheirWay = new Set<string>();
  for (const host of new Set(open.map(([, item]) => item.host))) {
    // A job is called after its first object, which may be through already.
    const ids = [...counted].filter(([object, slice]) => (items.get(object) ?? slice).host === host).map(([object]) => sendJobId(object));
    for (const object of await objectsOnTheirWay(queues, transferQueue(host), ids)) onTheirWay.add(object);
  }
  const waiting = open.map(([, { host, start }]) => ({ host, shard: shardOf(start) })).filter(({ shard }) => done.has(shard));
  const redo = waiting.length === 0 ? [] : shardsToRedo(waiting, await new Presence(runs.redis).heard());
  return { lostItems: batches(lostItems), unsent: batches(open.filter(([object]) => !onTheirWay.has(object))), redo };
}

function batches(slices: readonly (readonly [string, Pick<CountedSlice, 'host' | 'start' | 'bytes'>])[]): Batch[] {
  const found = new Map<string, { host: string; start: string; objects: string[]; bytes: number }>();
  for (const [object, { host, start, bytes }] of [...slices].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const key = `${host} ${start}`;
    const batch = found.get(key) ?? { host, start, objects: [], bytes: 0 };
    if (batch.objects.length === BATCH_OBJECTS) continue; // the rest at the next look
    batch.objects.push(object);
    batch.bytes += bytes;
    found.set(key, batch);
  }
  return [...found.values()];
}
