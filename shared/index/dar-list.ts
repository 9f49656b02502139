import type { BytePath } from '../paths/byte-path.js';
import { awkwardUnit } from './awkward.js';
import { pathOfLine } from './format.js';
import { LineWriter, readCompleteLines } from './line-file.js';

export interface DarList {
  /** For `-g`, one by one, relative to the root: names a list cannot carry, each with all below it. */
  readonly includePaths: readonly BytePath[];
  /** Lines in the list file (`-[`). */
  readonly entries: number;
}

/**
 * Writes the paths of a records file as dar's list: one per line, relative to the root. dar takes what `-[` lists and
 * what `-g` names, both. The list file is always written, empty if need be.
 * Throws INDEX_DAMAGED, OUTPUT_NOT_CREATED.
 */
export async function writeDarList(options: { recordsFile: string; listFile: string }): Promise<DarList> {
  const units = new Set<BytePath>();
  const list = await LineWriter.create(options.listFile, '\n');
  try {
    for await (const lines of readCompleteLines(options.recordsFile)) {
      for (const line of lines) {
        const path = pathOfLine(line);
        const unit = awkwardUnit(path);
        if (unit === null) list.add(path);
        else units.add(unit);
      }
      await list.drain();
    }
  } finally {
    await list.close();
  }
  return { includePaths: [...units], entries: list.lines };
}
