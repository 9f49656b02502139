import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { isGone } from '../../../shared/hosts/silence.js';
import type { SettledFile } from '../../../shared/index/merge-newest.js';
import type { ShardJob } from '../../../shared/queues/job-data.js';
import { hasEnough } from '../../../shared/copies/enough.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import { shardPartSchema, type ShardPart } from '../../../shared/runs/shard-result.js';
import type { WorkerContext } from '../../context.js';

/** What earlier starts of a shard saved, and a new start goes on from. */
export interface KeptParts {
  /** Their files in the work directory, the oldest first. */
  readonly files: readonly string[];
  readonly starts: readonly string[];
  /** Names of their slices. */
  readonly objects: ReadonlySet<string>;
  /** What all of them together settled. */
  readonly settled: SettledFile;
  /** What is left to save: sorted, with end record. */
  readonly left: { readonly recordsFile: string; readonly records: number; readonly bytes: bigint };
  /** The last number of an archive of data. */
  readonly segment: number;
  /** Whether what the first shard brings along is among it. */
  readonly extras: boolean;
}

export interface PartPlace {
  readonly context: WorkerContext;
  readonly data: ShardJob;
  readonly workDir: string;
  readonly logger: Logger;
}

/** Null when there are none, or they cannot be used: then the shard is saved anew, which is never wrong. */
export async function loadParts(place: PartPlace): Promise<KeptParts | null> {
  const { context, data, workDir, logger } = place;
  const newest = await context.runs.keptPart(data.backupId, data.shard);
  if (newest === null) return null;
  try {
    return await usable(place, await readParts(workDir, newest));
  } catch (thrown) {
    logger.warn({ err: toBwError(thrown), part: newest }, 'what earlier starts of this shard saved cannot be used: it is saved anew');
    return null;
  }
}

interface NamedPart {
  readonly file: string;
  readonly part: ShardPart;
}

/** The newest part names those before it. */
async function readParts(workDir: string, newest: string): Promise<NamedPart[]> {
  const last = await readPart(workDir, newest);
  return [...(await Promise.all(last.part.earlier.map((file) => readPart(workDir, file)))), last];
}

export async function readPart(workDir: string, file: string): Promise<NamedPart> {
  return { file, part: shardPartSchema.parse(JSON.parse(await readFile(join(workDir, file), 'utf8'))) };
}

/** A host that is gone and has slices still to be sent: the backup would wait until it comes back, with or without its staging. */
export async function goneHost({ backends, config, presence }: Pick<WorkerContext, 'backends' | 'config' | 'presence'>, items: readonly StoredItem[]): Promise<string | null> {
  const unsent = items.filter((item) => item.host !== config.host && !hasEnough(item, backends.map(({ name }) => name)));
  if (unsent.length === 0) return null;
  const heard = await presence.heard();
  return unsent.find(({ host }) => isGone(host, heard))?.host ?? null;
}

/** Throws when a slice is not on record any more: a manifest could not name it; or when the host it waits for is gone. */
async function usable({ context, data, workDir }: PartPlace, parts: readonly NamedPart[]): Promise<KeptParts | null> {
  const last = parts.at(-1);
  if (last === undefined) return null;
  const objects = new Set(parts.flatMap(({ part }) => part.archives.flatMap(({ slices }) => slices.map(({ object }) => object))));
  const onRecord = await context.items.get(data.backupId, [...objects]);
  if (onRecord.size !== objects.size) throw new Error(`of ${objects.size} slices ${onRecord.size} are on record`);
  const gone = await goneHost(context, [...onRecord.values()]);
  if (gone !== null) throw new Error(`slices of it are still to be sent by ${gone}, which is gone`);
  const { settled, settledRecords, counts, left, segment } = last.part;
  return {
    files: parts.map(({ file }) => file),
    starts: parts.map(({ part }) => part.start),
    objects,
    settled: { file: join(workDir, settled), records: settledRecords, saved: counts.saved },
    left: { recordsFile: join(workDir, left.file), records: left.records, bytes: BigInt(left.bytes) },
    segment,
    extras: parts.some(({ part }) => part.extras),
  };
}
