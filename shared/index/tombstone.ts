import { keyLength, keyOfPath } from './format.js';
import { recordPath, type IndexRecord } from './record.js';

/** Behind its key, all that the difference of a backup says of a path that is gone. */
const TOMBSTONE = 'X';

/** The line that takes the record of this key out of the state. */
export function tombstoneLine(key: string): string {
  return `${key}${TOMBSTONE}`;
}

/** `length`: of the line's key. */
export function isTombstone(line: string, length: number = keyLength(line)): boolean {
  return line.length === length + 1 && line.endsWith(TOMBSTONE);
}

/** Takes out what an older state says of the same path as a directory, or as anything else: the two stand at different places of the order. */
export function otherTypeGone(record: IndexRecord): string {
  return tombstoneLine(keyOfPath(recordPath(record), record.type === 'd' ? 'f' : 'd'));
}
