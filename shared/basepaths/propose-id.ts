import { createHash } from 'node:crypto';
import { bytePath, type BytePath } from '../paths/byte-path.js';

/** Hex digits of a short hash. It only has to tell basepaths of one slug apart, and a clash gets a longer one. */
const SHORT_HASH = 6;
const SLUG_LENGTH = 40;

/**
 * The id of a basepath: readable slug of its name, hash of its absolute path, generation from 2 on (`alice-3f9a2c`,
 * `alice-3f9a2c-g2`). Depends on nothing but its arguments, so two producers propose the same. Holds only `[A-Za-z0-9._-]` and starts
 * with a letter, digit or `_`: good as file, object and queue job name.
 * @param relativePath below topdir, without leading `/`
 * @param hashLength hex digits, 6 to 64
 */
export function proposeId(topdir: string, relativePath: BytePath, generation = 1, hashLength = SHORT_HASH): string {
  const path = bytePath.join(bytePath.fromText(topdir), relativePath);
  const hash = createHash('sha256').update(bytePath.toBuffer(path)).digest('hex').slice(0, hashLength);
  return `${slug(relativePath)}-${hash}${generation === 1 ? '' : `-g${generation}`}`;
}

/** proposeId with the shortest hash (6, 8, ... digits) that is not `taken`. */
export function proposeFreeId(topdir: string, relativePath: BytePath, generation: number, taken: (id: string) => boolean): string {
  for (let hashLength = SHORT_HASH; hashLength < 64; hashLength += 2) {
    const id = proposeId(topdir, relativePath, generation, hashLength);
    if (!taken(id)) return id;
  }
  return proposeId(topdir, relativePath, generation, 64);
}

function slug(path: BytePath): string {
  const text = path.replace(/\//g, '-').replace(/[^A-Za-z0-9._-]+/g, '_').replace(/^[.-]+/, '').slice(0, SLUG_LENGTH);
  return /[A-Za-z0-9]/.test(text) ? text : 'dir';
}
