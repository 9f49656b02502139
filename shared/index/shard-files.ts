import { Cursor } from './cursor.js';
import { LineWriter, readPlainLines } from './line-file.js';
import type { Tally } from './tally.js';

export interface PlannedShard {
  readonly number: number;
  /** Name in `outDir`: NUL-terminated index lines and an end record. */
  readonly file: string;
  readonly records: number;
  readonly directories: number;
  /** Apparent bytes of regular files, hard links once; decimal. */
  readonly bytes: string;
  /** False: in another order than the index. */
  readonly sorted: boolean;
  /** awkward: some names must be given to dar one by one (`-g`), which is slow. */
  readonly kind: 'plain' | 'awkward';
}

export function plannedShard(number: number, file: string, tally: Tally, how: Pick<PlannedShard, 'sorted' | 'kind'>): PlannedShard {
  return { number, file, records: tally.records, directories: tally.directories, bytes: tally.bytes.total.toString(), ...how };
}

export function shardFile(number: number): string {
  return `shard-${String(number).padStart(4, '0')}.records`;
}

/** Puts the lines of `extras` that begin with `prefix` between those of a part, in order; `partFile` null: there are no others. */
export async function mergeInto(target: string, partFile: string | null, prefix: string, extras: Cursor<string>): Promise<void> {
  const out = await LineWriter.create(target);
  const lines = await Cursor.open(partFile === null ? noLines() : readPlainLines(partFile));
  const extra = (): string | undefined => (extras.current?.startsWith(prefix) === true ? extras.current.slice(prefix.length) : undefined);
  for (let line = lines.current, other = extra(); line !== undefined || other !== undefined; ) {
    const takeExtra = line === undefined || (other !== undefined && other < line);
    out.add((takeExtra ? other : line) as string);
    const moved = takeExtra ? extras.advance() : lines.advance();
    if (moved !== undefined) await moved;
    if (moved !== undefined) await out.drain();
    line = lines.current;
    other = extra();
  }
  await out.end();
}

async function* noLines(): AsyncGenerator<string[], void> {
  yield* await Promise.resolve([]);
}
