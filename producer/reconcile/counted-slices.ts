import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { shardPartSchema, shardResultSchema, type ShardResult } from '../../shared/runs/shard-result.js';

/** A slice that the manifest will name. */
export interface CountedSlice {
  readonly host: string;
  readonly start: string;
  /** The start that reported it, or what it went on from: slices are put on record in its name. */
  readonly claim: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha512: string;
}

/** What a worker's plan.json has that is needed here. */
const planSchema = z.object({ shards: z.array(z.object({ number: z.number().int().positive() })) });

export async function plannedShards(workDir: string): Promise<number[]> {
  return planSchema.parse(JSON.parse(await readFile(join(workDir, 'plan.json'), 'utf8'))).shards.map(({ number }) => number);
}

/** Slices of a finished shard (`result`), or of what a stopped one kept (`part`), with those of the parts it went on from, by object name. */
export async function countedSlices(workDir: string, dirOfObjects: string, file: string, kind: 'result' | 'part'): Promise<Map<string, CountedSlice>> {
  const schema = kind === 'result' ? shardResultSchema : shardPartSchema;
  const last: ShardResult = schema.parse(JSON.parse(await readFile(join(workDir, file), 'utf8')));
  const earlier = await Promise.all(last.earlier.map(async (each): Promise<ShardResult> => shardPartSchema.parse(JSON.parse(await readFile(join(workDir, each), 'utf8')))));
  const found = new Map<string, CountedSlice>();
  for (const { host, start, archives } of [...earlier, last]) {
    for (const { slices } of archives) for (const { name, object, bytes, sha512 } of slices) if (object.startsWith(`${dirOfObjects}/`)) found.set(object, { host, start, claim: last.start, name, bytes, sha512 });
  }
  return found;
}
