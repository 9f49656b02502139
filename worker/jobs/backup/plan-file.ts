import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurable } from '../../../shared/catalog/durable.js';
import { pathJsonSchema } from '../../../shared/paths/path-json.js';

const count = z.number().int().nonnegative();

/** `plan.json` of a work directory: all a shard job needs besides its records file. */
const planFileSchema = z.strictObject({
  v: z.literal(2),
  start: z.string(),
  startedAt: z.string(),
  capturedAt: z.string(),
  /** Absolute root that is read. */
  root: pathJsonSchema,
  /** Index line of the basepath directory itself, base64. */
  rootRecordB64: z.string(),
  source: z.strictObject({ fsType: z.string(), fsId: z.string(), rootInode: z.string(), owner: z.string() }),
  shards: z.array(
    z.strictObject({
      number: z.number().int().positive(),
      file: z.string(),
      records: count,
      bytes: z.string(),
      sorted: z.boolean(),
      /** Of a consolidation: the archive this part is taken from. */
      from: z.strictObject({ backupId: z.ulid(), archive: z.string() }).optional(),
    }),
  ),
  /** Of the whole state; changed and removed of a backup with a parent. */
  counts: z.strictObject({ records: count, directories: count, sourceBytes: z.string(), vanished: count, exceptions: count, changed: count, removed: count }),
  /** Whether the metadata of the basepath directory itself is to be saved. */
  metadata: z.boolean(),
  /** What it was compared with; null for a full. Files in the work directory, see compareStates. */
  parent: z
    .strictObject({
      backupId: z.ulid(),
      depth: count,
      keptFile: z.string(),
      oldFile: z.string(),
      /** Complete file of the paths that are gone, tops only; null when there are none. */
      removedFile: z.string().nullable(),
      /** Whether attributes of what is saved again may have to be taken away where the archives are replayed: some archive of the chain has any. */
      clearsAttributes: z.boolean(),
    })
    .nullable(),
  shrunk: z.boolean(),
  /** Of a consolidation: the backup whose state it makes a full of. */
  consolidates: z.ulid().nullable(),
  /** NDJSON of exceptions known from the scan, in the work directory. */
  exceptions: z.string().nullable(),
});

export type PlanFile = z.infer<typeof planFileSchema>;
export type PlannedShard = PlanFile['shards'][number];

const NAME = 'plan.json';

export async function writePlan(workDir: string, plan: PlanFile): Promise<void> {
  await writeDurable(join(workDir, NAME), Buffer.from(JSON.stringify(planFileSchema.parse(plan))));
}

export async function readPlan(workDir: string): Promise<PlanFile> {
  return planFileSchema.parse(JSON.parse(await readFile(join(workDir, NAME), 'utf8')));
}
