import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { isPartName, PART_MARK, partTag } from '../object-name.js';

/** For objects at the top, whose directory has no name. */
const TOP = 'objects';

/** Directory of an object; '' at the top. */
export function directoryOf(object: string): string {
  const dir = posix.dirname(object);
  return dir === '.' ? '' : dir;
}

/**
 * Where the unfinished objects of `dir` are while one call of submit sends them: beside it, because rclone refuses to move out of a directory into the one above. The time
 * is in the name, as rclone gives objects the times of their sources: `a/b` -> `a/b.part-KEY-TIME-RANDOM`.
 */
export function newPartDirectory(dir: string, key: string, nowMs: number): string {
  return `${partPrefix(dir, key)}${nowMs.toString(36)}-${randomBytes(4).toString('hex')}`;
}

/** What the part directories of this key beside `dir` begin with. */
export function partPrefix(dir: string, key: string): string {
  return `${dir === '' ? TOP : dir}${PART_MARK}${partTag(key)}-`;
}

/** Whether it is an unfinished object, or lies in a directory of such. */
export function isUnfinished(path: string): boolean {
  return path.split('/').some(isPartName);
}

/** When a part directory was made, in milliseconds; null for any other name. */
export function madeAt(partDirectory: string): number | null {
  const found = /^[a-z0-9]+$/.exec(posix.basename(partDirectory).split('-').at(-2) ?? '');
  const ms = found === null || !isPartName(posix.basename(partDirectory)) ? NaN : parseInt(found[0], 36);
  return Number.isSafeInteger(ms) ? ms : null;
}
