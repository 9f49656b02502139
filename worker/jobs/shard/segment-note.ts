import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { writeDurable } from '../../../shared/catalog/durable.js';
import type { ShardFrame } from './open-shard.js';

/** What the list of an archive was made of: with it another start can tell what the archive proves. */
const noteSchema = z.strictObject({
  v: z.literal(1),
  segment: z.number().int().positive(),
  /** Name of the backup's work directory: a plan that is made again has another one. */
  work: z.string(),
  /** In the work directory. */
  recordsFile: z.string(),
  /** Files of the kept parts that the start went on from. */
  earlier: z.array(z.string()),
  /** When dar began, ms since the epoch. */
  beganMs: z.number(),
});

export type SegmentNote = z.infer<typeof noteSchema>;

const NAME = /^[1-9]\d*\.segment\.json$/;

/** Leaves beside an archive, before dar begins it, what whoever finds it has to know when this worker has died. */
export async function noteSegment({ stagingDir, state, kept }: ShardFrame, segment: number, recordsFile: string): Promise<void> {
  const note: SegmentNote = { v: 1, segment, work: state.work ?? '', recordsFile: basename(recordsFile), earlier: [...(kept?.files ?? [])], beganMs: Date.now() };
  await writeDurable(join(stagingDir, `${segment}.segment.json`), Buffer.from(JSON.stringify(noteSchema.parse(note))));
}

/** Of a start, in the order of its archives. Throws where one cannot be read. */
export async function readSegmentNotes(stagingDir: string): Promise<SegmentNote[]> {
  const names = (await readdir(stagingDir)).filter((name) => NAME.test(name));
  const notes = await Promise.all(names.map(async (name) => noteSchema.parse(JSON.parse(await readFile(join(stagingDir, name), 'utf8')))));
  return notes.sort((a, b) => a.segment - b.segment);
}
