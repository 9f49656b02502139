import { LineWriter } from './line-file.js';
import type { LineSorter } from './line-sorter.js';

/** Writes what a sorter holds to a complete file, each line as `change` makes it. Throws SORT_FAILED, OUTPUT_NOT_CREATED. */
export async function writeSorted(sorter: LineSorter, file: string, change: (line: string) => string = (line) => line): Promise<{ file: string; records: number }> {
  const out = await LineWriter.create(file);
  try {
    for await (const lines of sorter.sorted()) {
      for (const line of lines) out.add(change(line));
      await out.drain();
    }
    await out.end();
    return { file, records: out.lines };
  } finally {
    await out.close();
  }
}
