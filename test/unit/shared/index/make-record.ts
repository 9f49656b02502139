import { parseRecord, splitPath } from '../../../../shared/index/format.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import type { IndexRecord } from '../../../../shared/index/record.js';

let inode = 1000;

/** A record of a path (latin1 bytes), a regular file of 10 bytes unless told otherwise. */
export function makeRecord(path: string, fields: Partial<IndexRecord> = {}): IndexRecord {
  inode += 1;
  const base = parseRecord(`.//x/f 10 1700000000.1234567890 1700000001.9876543210 65024:${inode} 1 644 1000 1000 8 - -`);
  return { ...base, ...splitPath(bytePath.of(path), fields.type ?? 'f'), ...fields };
}

export function makeDirectory(path: string, fields: Partial<IndexRecord> = {}): IndexRecord {
  return makeRecord(path, { type: 'd', size: '4096', mode: '755', nlink: 2, ...fields });
}

export const makeRoot = (): IndexRecord => makeDirectory('.', { inode: '65024:2' });

/** In index order, in batches of a few. */
export async function* inOrder(records: readonly IndexRecord[], batch = 3): AsyncGenerator<IndexRecord[]> {
  const key = (record: IndexRecord): string => `${record.dirname}//${record.name}/`;
  const sorted = [...records].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  for (let i = 0; i < sorted.length; i += batch) yield await Promise.resolve(sorted.slice(i, i + batch));
}

export async function collect<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}
