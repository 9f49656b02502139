import { join, posix } from 'node:path';
import { badRequest } from './api-error.js';
import type { CollectionOptions } from './options.js';

/** Local file of a path of a collection; `/~/` is its root. Throws 400 for a path that is not absolute or leaves the collection. */
export function localFile(collection: CollectionOptions, path: string): string {
  const plain = path === '' || path === '~' || path === '/~' ? '/' : path.replace(/^\/?~\//, '/');
  if (!plain.startsWith('/') || plain.includes('\0')) throw badRequest(`'${path}' is not an absolute path`);
  const whole = posix.normalize(plain);
  if (plain.split('/').includes('..')) throw badRequest(`'${path}' leaves the collection`);
  return join(collection.dir, whole);
}
